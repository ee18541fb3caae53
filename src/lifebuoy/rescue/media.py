"""The media of a stay on the host: the shared image, the stay's own seed and NVRAM.

Names hold the image's hash or the session, so nothing is ever overwritten and what belongs to a
stay is known by its name alone.
"""

from __future__ import annotations

import hashlib

from lifebuoy.errors import ImageUnusable, NoSpace, NotFound
from lifebuoy.hypervisor import Host, MediaFile, Progress
from lifebuoy.image import Image

#: room asked for beside the image: seed, NVRAM, and a margin
_MARGIN_BYTES = 16 * 1024 * 1024


def seed_name(session: str) -> str:
    """The store's name of the stay's seed."""
    return f"stay-{session}-seed.iso"


def nvram_name(session: str) -> str:
    """The store's name of the stay's NVRAM."""
    return f"stay-{session}-nvram.fd"


def require_room(host: Host, image: Image) -> None:
    """Pass if the store has room for what a stay with ``image`` places.

    Raises:
        NoSpace: with the sizes.
    """
    needed = _MARGIN_BYTES
    if host.store.find(image.media_name) is None:
        needed += image.size_bytes
    free = host.store.free_bytes()
    if free < needed:
        raise NoSpace(
            f"{host.store.location} has {free >> 20} MiB free, {needed >> 20} MiB are needed",
            hint="make room there, or use another pool (LIFEBUOY_POOL)",
        )


def place_image(host: Host, image: Image, progress: Progress | None = None) -> MediaFile:
    """Put the image into the host's store unless it is there already.

    Raises:
        ImageUnusable: the copy on the host has another size than the image.
    """
    found = host.store.find(image.media_name)
    if found is None:
        return host.store.put(image.media_name, image.path, shared=True, progress=progress)
    if found.size_bytes != image.size_bytes:
        raise ImageUnusable(
            f"the copy of image '{image.id}' on the host ({found.path}) is not whole",
            hint="if nobody else is placing it right now: lifebuoy image remove --host " + image.id,
        )
    return found


def place_nvram(host: Host, session: str, original_path: str) -> tuple[MediaFile, str] | None:
    """Copy the instance's UEFI variables for the stay; None where it has none yet.

    The firmware writes to the variables it boots with; so the rescue system gets its own. Returns
    the copy and the SHA-256 of what was copied.
    """
    if host.file_exists(original_path) is False:
        return None
    content = host.read_file(original_path)
    copy = host.store.put(nvram_name(session), content, shared=False)
    return copy, hashlib.sha256(content).hexdigest()


def nvram_differs(host: Host, path: str, sha256: str) -> bool:
    """Whether the instance's UEFI variables are other than they were; a missing file counts."""
    try:
        return hashlib.sha256(host.read_file(path)).hexdigest() != sha256
    except NotFound:
        return True


def remove(host: Host, names: tuple[str, ...]) -> None:
    """Wipe and delete media of a stay; missing ones are fine."""
    for name in names:
        host.store.remove(name, wipe=True)
