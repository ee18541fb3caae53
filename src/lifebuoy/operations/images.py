"""The copies of rescue images on a host: shared by instances, so removed with care."""

from __future__ import annotations

import socket
import time
from typing import Final

from lifebuoy.errors import Busy, ImageNotFound, NotFound, Refused
from lifebuoy.hypervisor import Domain, Host, MediaFile, Progress
from lifebuoy.image import Catalogue, Image
from lifebuoy.interruption import sleep
from lifebuoy.model import Phase
from lifebuoy.operations import lock
from lifebuoy.rescue import media, record
from lifebuoy.rescue.media import Wanted

_OTHER_CALLER_S: Final = 300.0  # over a slow line it takes its time
_POLL_S: Final = 0.5


def place(
    host: Host, catalogue: Catalogue, wanted: Wanted, progress: Progress | None = None
) -> MediaFile:
    """Put the image into the host's store unless it is there, whole; one caller at a time.

    Only who has to put it there needs to have it, by whatever id.

    Raises:
        ImageUnusable: the copy on the host is another file than the image, or ours was altered.
        ImageNotFound: neither the host nor the catalogue has it.
        Busy: another caller is placing it and does not get done.
    """
    deadline = time.monotonic() + _OTHER_CALLER_S
    while (found := media.find_image(host, wanted)) is None:
        try:
            doing = "place the image"
            with lock.held(host.store, f"image-{wanted.sha256[:16]}", wanted.id, doing):
                if (found := media.find_image(host, wanted)) is not None:
                    return found
                return media.place_image(host, _own(catalogue, wanted), progress)
        except Busy:
            if time.monotonic() > deadline:
                raise
        sleep(_POLL_S)
    return found


def _own(catalogue: Catalogue, wanted: Wanted) -> Image:
    for image in catalogue.list():
        if image.sha256 == wanted.sha256:
            return catalogue.verify(image.id)
    raise ImageNotFound(
        f"neither the host nor {socket.gethostname()} has the rescue image '{wanted.id}'",
        hint="give the machines of all workers the same images (the setting images may name a "
        "folder that they share; lifebuoy image list), then enter rescue mode again",
    )


def remove_from_host(host: Host, image: Image) -> None:
    """Delete the host's copy; libvirt would delete it under a running instance, we do not.

    Raises:
        NotFound: the host has none.
        Refused: an instance uses it; names it.
    """
    file = host.store.find(image.media_name)
    if file is None:
        raise NotFound(f"the host has no copy of image '{image.id}'")
    users = [
        domain.name
        for domain in host.domains()
        if _waits_for(domain, image.id) or _mentions(domain, file.path, file.name)
    ]
    if users:
        raise Refused(
            f"image '{image.id}' is in use on the host by: {', '.join(users)}",
            hint="leave rescue mode there first",
        )
    host.store.remove(file.name, wipe=False)


def _waits_for(domain: Domain, image_id: str) -> bool:
    """Whether its entering with that image is under way, perhaps waiting for a worker."""
    stay = record.read(domain)
    return stay is not None and stay.phase is Phase.ENTER and stay.image == image_id


def _mentions(domain: Domain, path: str, name: str) -> bool:
    """Whether its definition or the running machine has the file, by path or as a volume."""
    texts = [domain.xml()] + ([domain.xml(live=True)] if domain.active else [])
    return any(path in text or f"'{name}'" in text for text in texts)
