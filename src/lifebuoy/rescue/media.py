"""The media of a stay on the host: the shared image, the stay's own seed and NVRAM.

Names hold the image's hash or the session, so nothing is ever overwritten and what belongs to a
stay is known by its name alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from lifebuoy.errors import ImageUnusable, NoSpace, NotFound
from lifebuoy.hypervisor import HEAD_BYTES, Host, MediaFile, Progress
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
        ImageUnusable: the copy that is there is another file than the image.
    """
    needed = _MARGIN_BYTES
    if find_image(host, image) is None:
        needed += image.size_bytes
    free = host.store.free_bytes()
    if free < needed:
        raise NoSpace(
            f"{host.store.location} has {free >> 20} MiB free, {needed >> 20} MiB are needed",
            hint="make room there, or use another pool (LIFEBUOY_POOL)",
        )


def find_image(host: Host, image: Image) -> MediaFile | None:
    """The host's copy of the image; None if there is none, or one that was not stored whole.

    Raises:
        ImageUnusable: it is another file than the image.
    """
    found = host.store.find(image.media_name)
    if found is None:
        return None
    head = host.store.read_head(image.media_name)
    if found.size_bytes == image.size_bytes and head == _head_of(image.path):
        return found
    if any(head):
        raise ImageUnusable(
            f"the copy of image '{image.id}' on the host ({found.path}) was altered",
            hint=f"lifebuoy image remove --host {image.id}",
        )
    return None


def place_image(host: Host, image: Image, progress: Progress | None = None) -> MediaFile:
    """Put the image into the host's store; nobody else may do so at the same time."""
    host.store.remove(image.media_name, wipe=False)  # what one who was cut off has left
    return host.store.put(image.media_name, image.path, shared=True, progress=progress)


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


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
