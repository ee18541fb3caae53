"""The copies of rescue images on a host: shared by instances, so removed with care."""

from __future__ import annotations

import time
from typing import Final

from lifebuoy.errors import Busy, NotFound, Refused
from lifebuoy.hypervisor import Domain, Host, MediaFile, Progress
from lifebuoy.image import Image
from lifebuoy.interruption import sleep
from lifebuoy.operations import lock
from lifebuoy.rescue import media

_OTHER_CALLER_S: Final = 300.0  # over a slow line it takes its time
_POLL_S: Final = 0.5


def place(host: Host, image: Image, progress: Progress | None = None) -> MediaFile:
    """Put the image into the host's store unless it is there, whole; one caller at a time.

    Raises:
        ImageUnusable: the copy on the host is another file than the image.
        Busy: another caller is placing it and does not get done.
    """
    deadline = time.monotonic() + _OTHER_CALLER_S
    while (found := media.find_image(host, image)) is None:
        try:
            with lock.held(host.store, f"image-{image.sha256[:16]}", image.id, "place the image"):
                return media.find_image(host, image) or media.place_image(host, image, progress)
        except Busy:
            if time.monotonic() > deadline:
                raise
        sleep(_POLL_S)
    return found


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
