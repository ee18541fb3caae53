"""The copies of rescue images on a host: shared by instances, so removed with care."""

from __future__ import annotations

from lifebuoy.errors import NotFound, Refused
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.image import Image


def remove_from_host(host: Host, image: Image) -> None:
    """Delete the host's copy; libvirt would delete it under a running instance, we do not.

    Raises:
        NotFound: the host has none.
        Refused: an instance uses it; names it.
    """
    file = host.store.find(image.media_name)
    if file is None:
        raise NotFound(f"the host has no copy of image '{image.id}'")
    users = [domain.name for domain in host.domains() if _mentions(domain, file.path, file.name)]
    if users:
        raise Refused(
            f"image '{image.id}' is in use on the host by: {', '.join(users)}",
            hint="leave rescue mode there first",
        )
    host.store.remove(file.name, wipe=False)


def _mentions(domain: Domain, path: str, name: str) -> bool:
    """Whether its definition or the running machine has the file, by path or as a volume."""
    texts = [domain.xml()] + ([domain.xml(live=True)] if domain.active else [])
    return any(path in text or f"'{name}'" in text for text in texts)
