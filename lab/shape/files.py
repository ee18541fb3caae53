"""A tree of files in the making: texts, links, copies and programs with all that they load."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.shape.parts import Parts
from lifebuoy.guest.doctor.formats import elf
from lifebuoy.guest.doctor.libraries import Libraries
from lifebuoy.guest.doctor.tree import Tree


class Files:
    """What will be a root; paths are absolute ones of the guest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)

    def here(self, path: str) -> Path:
        """Where the path lies on this machine; its parents are made."""
        place = self.folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def put(self, path: str, content: str | bytes, mode: int = 0o644, gid: int = 0) -> None:
        """A file of root's with this content."""
        place = self.here(path)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)
        os.chown(place, 0, gid)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self.here(path).symlink_to(target)

    def folders(self, *paths: str, mode: int = 0o755) -> None:
        """Folders, empty where they were not there."""
        for path in paths:
            place = self.here(path)
            place.mkdir(exist_ok=True)
            place.chmod(mode)

    def copy(self, source: Path, path: str, mode: int | None = None) -> None:
        """A copy of a file of this machine, links followed."""
        place = self.here(path)
        shutil.copy(source, place)
        os.chown(place, 0, 0)
        if mode is not None:
            place.chmod(mode)

    def programs(self, parts: Parts, places: Sequence[tuple[str, str]], libraries: str) -> None:
        """Programs of the lab's root (name there, path here); in one folder, their libraries."""
        tree = Tree(str(parts.root))
        for folder in ("bin", "sbin", "lib"):
            tree.add(f"/{folder}", str(parts.root / "usr" / folder))
        tree.add("/lib64", str(parts.libraries))
        loaded = Libraries(tree)
        started = [f"/{name}" for name, _ in places]
        troubles = list(loaded.troubles(started))
        assert not troubles, troubles
        for name, path in places:
            self.copy(parts.root / name, path, 0o755)
        own = {tree.resolve(path) for path in started}
        for real in sorted(loaded.closure() - own):
            place = Path(tree.here(real))
            name = elf.parse(place.read_bytes()).soname or place.name
            self.copy(place, f"{libraries}/{name}", 0o755)
