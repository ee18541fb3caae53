"""The rescue images this user has: a folder per image, one of them the default.

``FOLDER/ID/image.iso`` and ``FOLDER/ID/image.json``; ``FOLDER/default`` holds an id. An image is
added whole or not at all: it is made in a temporary folder beside and renamed into place.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

from lifebuoy.errors import BadInput, ImageNotFound, ImageUnusable
from lifebuoy.image import builder

OURS: Final = "lifebuoy"
_ID: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


class ImageKind(StrEnum):
    """Whether the image is ours (agent, seed, helper commands) or somebody's own ISO."""

    LIFEBUOY = "lifebuoy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Image:
    """A rescue image. ``built_from`` is the builder's input key, empty for an owner's own."""

    id: str
    name: str
    kind: ImageKind
    path: Path
    sha256: str
    size_bytes: int
    arch: str = "x86_64"
    min_memory_mib: int = 512
    built_from: str = ""
    is_default: bool = False

    @property
    def media_name(self) -> str:
        """Its file name in a host's store; the content's hash in it keeps versions apart."""
        return f"rescue-{self.sha256[:16]}.iso"

    @property
    def is_current(self) -> bool:
        """False for an image of ours made by another version of the builder."""
        return self.kind is ImageKind.OTHER or self.built_from == builder.inputs_key()


def default_folder() -> Path:
    """``LIFEBUOY_IMAGES``, or the user's data folder (XDG)."""
    named = os.environ.get("LIFEBUOY_IMAGES")
    return Path(named) if named else user_data_path("lifebuoy") / "images"


class Catalogue:
    """Images below one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def list(self) -> list[Image]:
        """All images, by id."""
        if not self.folder.is_dir():
            return []
        return [self._read(path.parent) for path in sorted(self.folder.glob("*/image.json"))]

    def get(self, image_id: str | None = None) -> Image:
        """The image of that id, or the default one.

        Raises:
            ImageNotFound: the hint says how to make or list them.
        """
        images = {image.id: image for image in self.list()}
        if image_id is None:
            chosen = next((image for image in images.values() if image.is_default), None)
            if chosen is None:
                raise ImageNotFound(
                    "there is no rescue image yet", hint="make one: lifebuoy image build"
                )
            return chosen
        if image_id not in images:
            known = ", ".join(images) or "none"
            raise ImageNotFound(f"no rescue image '{image_id}'", hint=f"there are: {known}")
        return images[image_id]

    def build(self, *, progress: Callable[[builder.BuildProgress], None]) -> Image:
        """Build our image anew; it replaces the one before only when it is whole."""
        with self._making(OURS) as folder:
            packages = builder.build(
                folder / "image.iso", progress=progress, work_parent=self._work_parent()
            )
            (folder / "packages").write_text(packages)
            self._describe(
                folder,
                Image(
                    id=OURS,
                    name="Lifebuoy rescue system (Debian 12)",
                    kind=ImageKind.LIFEBUOY,
                    path=folder / "image.iso",
                    sha256="",
                    size_bytes=0,
                    built_from=builder.inputs_key(),
                ),
            )
        return self._default_if_first(OURS)

    def add(
        self, iso: Path, *, image_id: str, name: str, sha256: str | None, min_memory_mib: int = 512
    ) -> Image:
        """Add an owner's own bootable ISO, copied.

        Raises:
            BadInput: an id that cannot be used, a file that is no bootable ISO, another hash.
        """
        if not _ID.fullmatch(image_id) or image_id == OURS:
            raise BadInput(
                f"'{image_id}' cannot be an image's id",
                hint=f"lower case letters, digits, dots and dashes; '{OURS}' is taken",
            )
        if (self.folder / image_id).exists():
            raise BadInput(
                f"there is an image '{image_id}' already", hint=f"lifebuoy image remove {image_id}"
            )
        _require_bootable(iso)
        with self._making(image_id) as folder:
            shutil.copyfile(iso, folder / "image.iso")
            image = Image(
                id=image_id,
                name=name,
                kind=ImageKind.OTHER,
                path=folder / "image.iso",
                sha256="",
                size_bytes=0,
                min_memory_mib=min_memory_mib,
            )
            found = self._describe(folder, image).sha256
            if sha256 is not None and sha256.lower() != found:
                raise BadInput(
                    f"{iso} has another SHA-256 than the one given: {found}",
                    hint="fetch the file again, from its maker",
                )
        return self._default_if_first(image_id)

    def set_default(self, image_id: str) -> Image:
        """Make that image the one used when none is named."""
        image = self.get(image_id)
        (self.folder / "default.new").write_text(image.id)
        (self.folder / "default.new").replace(self.folder / "default")
        return replace(image, is_default=True)

    def verify(self, image_id: str | None = None) -> Image:
        """Read the whole image and compare it with the hash noted when it was added.

        Raises:
            ImageUnusable: it was altered or is missing.
        """
        image = self.get(image_id)
        if not image.path.is_file():
            raise ImageUnusable(f"the file of image '{image.id}' is missing", hint=_again(image))
        if image.path.stat().st_size != image.size_bytes or _sha256(image.path) != image.sha256:
            raise ImageUnusable(f"image '{image.id}' was altered", hint=_again(image))
        return image

    def remove(self, image_id: str) -> None:
        """Forget an image and delete its file here (copies on hosts are the hosts')."""
        image = self.get(image_id)
        shutil.rmtree(self.folder / image.id)
        if image.is_default:
            (self.folder / "default").unlink(missing_ok=True)

    def _default_if_first(self, image_id: str) -> Image:
        try:
            self.get()
        except ImageNotFound:
            return self.set_default(image_id)
        return self.get(image_id)

    def _read(self, folder: Path) -> Image:
        default = self.folder / "default"
        chosen = default.read_text().strip() if default.is_file() else ""
        try:
            facts = json.loads((folder / "image.json").read_text())
            facts |= {"kind": ImageKind(facts["kind"]), "path": folder / "image.iso"}
            return Image(**facts, is_default=facts["id"] == chosen)
        except (ValueError, KeyError, TypeError) as error:
            raise ImageUnusable(
                f"{folder / 'image.json'} cannot be read", hint="remove that folder, then add again"
            ) from error

    def _describe(self, folder: Path, image: Image) -> Image:
        whole = replace(image, sha256=_sha256(image.path), size_bytes=image.path.stat().st_size)
        facts = asdict(whole)
        del facts["path"], facts["is_default"]
        (folder / "image.json").write_text(json.dumps(facts, indent=1) + "\n")
        return whole

    @contextmanager
    def _making(self, image_id: str) -> Iterator[Path]:
        """A folder that becomes the image's own when the block ends well."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self.folder) as temporary:
            folder = Path(temporary) / "image"
            folder.mkdir()
            yield folder
            final = self.folder / image_id
            if final.exists():
                final.rename(Path(temporary) / "old")
            folder.rename(final)

    def _work_parent(self) -> Path:
        return self.folder


def _again(image: Image) -> str:
    if image.kind is ImageKind.LIFEBUOY:
        return "lifebuoy image build"
    return f"lifebuoy image remove {image.id}; lifebuoy image add"


def _require_bootable(iso: Path) -> None:
    """Pass ISO 9660 files with an El Torito boot record (volume descriptors from byte 32768)."""
    try:
        with iso.open("rb") as stream:
            stream.seek(32768)
            head = stream.read(4096)
    except OSError as error:
        raise BadInput(f"{iso} cannot be read: {error.strerror}") from error
    if head[1:6] != b"CD001":
        raise BadInput(f"{iso} is no ISO image", hint="a CD-ROM image (ISO 9660) is needed")
    if b"EL TORITO SPECIFICATION" not in head:
        raise BadInput(f"{iso} is not bootable", hint="it has no El Torito boot record")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
