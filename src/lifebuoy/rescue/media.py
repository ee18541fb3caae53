"""The media of a stay on the host: the shared image, the stay's own seed and NVRAM.

Names hold the image's hash or the session, so nothing is ever overwritten and what belongs to a
stay is known by its name alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

from lifebuoy.errors import ImageUnusable, NoSpace, NotFound
from lifebuoy.hypervisor import HEAD_BYTES, Host, MediaFile, Progress
from lifebuoy.image import Image, ImageKind

#: room asked for beside the image: seed, NVRAM, and a margin
_MARGIN_BYTES = 16 * 1024 * 1024
_PACKAGES = "-packages.iso"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rescue image of a stay, for those who need not have it: the host may.

    ``media_name`` is that of its copy on a host, ``head_sha256`` that of its first HEAD_BYTES.
    """

    id: str
    kind: ImageKind
    sha256: str
    head_sha256: str
    media_name: str
    size_bytes: int
    min_memory_mib: int

    @classmethod
    def of(cls, image: Image) -> Self:
        """The one in a catalogue; its file is read."""
        with image.path.open("rb") as file:
            head = hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()
        return cls(
            id=image.id,
            kind=image.kind,
            sha256=image.sha256,
            head_sha256=head,
            media_name=image.media_name,
            size_bytes=image.size_bytes,
            min_memory_mib=image.min_memory_mib,
        )


def seed_name(session: str) -> str:
    """The store's name of the stay's seed."""
    return f"stay-{session}-seed.iso"


def nvram_name(session: str) -> str:
    """The store's name of the stay's NVRAM."""
    return f"stay-{session}-nvram.fd"


def packages_name(session: str) -> str:
    """The store's name of the packages that a repair in the stay takes files from."""
    return f"stay-{session}{_PACKAGES}"


def require_room(host: Host, wanted: Wanted) -> None:
    """Pass if the store has room for what a stay with that image places.

    Raises:
        NoSpace: with the sizes.
        ImageUnusable: the copy that is there is another file than the image.
    """
    needed = _MARGIN_BYTES
    if find_image(host, wanted) is None:
        needed += wanted.size_bytes
    free = host.store.free_bytes()
    if free < needed:
        raise NoSpace(
            f"{host.store.location} has {free >> 20} MiB free, {needed >> 20} MiB are needed",
            hint="make room there, or use another pool (LIFEBUOY_POOL)",
        )


def find_image(host: Host, wanted: Wanted) -> MediaFile | None:
    """The host's copy of the image; None if there is none, or one that was not stored whole.

    Raises:
        ImageUnusable: it is another file than the image.
    """
    found = host.store.find(wanted.media_name)
    if found is None:
        return None
    head = host.store.read_head(wanted.media_name)
    same_head = hashlib.sha256(head).hexdigest() == wanted.head_sha256
    if found.size_bytes == wanted.size_bytes and same_head:
        return found
    if any(head):
        raise ImageUnusable(
            f"the copy of image '{wanted.id}' on the host ({found.path}) was altered",
            hint=f"lifebuoy image remove --host {wanted.id}",
        )
    return None


def place_image(host: Host, image: Image, progress: Progress | None = None) -> MediaFile:
    """Put the image into the host's store; nobody else may do so at the same time."""
    host.store.remove(image.media_name, wipe=False)  # what one who was cut off has left
    return host.store.put(image.media_name, image.path, shared=True, progress=progress)


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
    """Delete media of a stay, wiped unless they are packages; missing ones are fine."""
    for name in names:
        host.store.remove(name, wipe=not name.endswith(_PACKAGES))
