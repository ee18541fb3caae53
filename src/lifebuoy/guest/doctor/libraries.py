"""The closure of libraries that a program needs, looked for where the guest's loader would look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .formats import elf
from .tree import Tree

MOST_FILES = 2000
MOST_BYTES = 64 << 20
_USUAL = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/local/lib",  # musl's way: /lib, /usr/local/lib, /usr/lib
    "/usr/lib",
)
_FOLDER_LISTS = 200


@dataclass(frozen=True)
class Trouble:
    """A file that cannot be loaded, or (``found`` empty) is nowhere; ``user`` needs it."""

    name: str
    path: str
    fault: str
    user: str
    size: int = 0
    wanted_size: int = 0


class Libraries:
    """Walks from programs to everything that they load; each file is read once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._parsed: dict[str, elf.Elf] = {}
        self._folders = [*_configured(tree), *_USUAL]
        self._places: dict[tuple[str, tuple[str, ...], str], str | None] = {}
        self.sizes: dict[str, int] = {}

    def troubles(self, programs: Sequence[str]) -> Iterator[Trouble]:
        """What these programs (paths that exist) cannot load, each once."""
        seen: set[str] = set()
        for program in programs:
            for trouble in self._process(program):
                name = trouble.path or trouble.name
                if name not in seen:
                    seen.add(name)
                    yield trouble

    def _process(self, program: str) -> Iterator[Trouble]:
        """One program, breadth first as the loader goes: a library loaded already is not sought."""
        start = self._tree.resolve(program)
        pending = [start] if start else []
        loaded: set[str] = set()
        while pending and len(self._parsed) < MOST_FILES:
            real = pending.pop(0)
            if real in loaded:
                continue
            loaded.add(real)
            found = self._parse(real)
            if found.fault:
                if real == start and found.fault == "no ELF header" and self._is_script(real):
                    return
                size, name = self.sizes.get(real, 0), real.rpartition("/")[2]
                yield Trouble(name, real, found.fault, start or "", size, found.wanted_size)
                continue
            loaded.add(found.soname)
            if found.interpreter:
                loader = self._tree.resolve(found.interpreter)
                if loader is None:
                    yield Trouble(found.interpreter, "", "missing", real)
                else:
                    pending.append(loader)
            for name in found.needed:
                if name in loaded:
                    continue
                place = self.find(name, found, real)
                if place is None:
                    yield Trouble(name, "", "missing", real)
                else:
                    loaded.add(name)
                    pending.append(place)

    def closure(self) -> set[str]:
        """Every file that was loaded on the way."""
        return set(self._parsed)

    def find(self, name: str, user: elf.Elf, user_path: str) -> str | None:
        """Where the loader would take a library from, of the right kind."""
        if "/" in name:
            return self._tree.resolve(name)
        key = (name, user.run_path, user_path.rpartition("/")[0] if user.run_path else "")
        if key not in self._places:
            self._places[key] = self._look(name, user, user_path)
        return self._places[key]

    def _look(self, name: str, user: elf.Elf, user_path: str) -> str | None:
        origin = user_path.rpartition("/")[0]
        for folder in (*(one.replace("$ORIGIN", origin) for one in user.run_path), *self._folders):
            real = self._tree.resolve(f"{folder}/{name}")
            if real is None:
                continue
            found = self._parse(real)
            if found.fault or (found.machine, found.bits) == (user.machine, user.bits):
                return real
        return None

    def _parse(self, real: str) -> elf.Elf:
        if real not in self._parsed:
            data = self._tree.read(real, MOST_BYTES)
            self.sizes[real] = len(data or b"")
            self._parsed[real] = (
                elf.Elf(fault="cannot be read") if data is None else elf.parse(data)
            )
        return self._parsed[real]

    def _is_script(self, real: str) -> bool:
        return (self._tree.read(real, 2) or b"") == b"#!"


def _configured(tree: Tree) -> list[str]:
    """The folders of /etc/ld.so.conf and what it includes, one level deep."""
    texts = [tree.text("/etc/ld.so.conf", 65536) or ""]
    for name in tree.names("/etc/ld.so.conf.d")[:_FOLDER_LISTS]:
        if name.endswith(".conf"):
            texts.append(tree.text(f"/etc/ld.so.conf.d/{name}", 65536) or "")
    lines = (line.split("#")[0].strip() for text in texts for line in text.splitlines())
    return [line for line in lines if line.startswith("/")][:_FOLDER_LISTS]
