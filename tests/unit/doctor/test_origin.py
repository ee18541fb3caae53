"""Where a package would come from is told without downloading it; the packages are dpkg-deb's."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Final

import pytest

from lab.debs import Deb, build
from lifebuoy.guest.doctor.change import FromPackage
from lifebuoy.guest.doctor.packages.deb import CACHE, Origin, Sources
from lifebuoy.guest.doctor.tree import Tree

PATH: Final = "/usr/lib/libx.so"
DATA: Final = b"the library\n" * 500
DIGEST: Final = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
WANTED: Final = FromPackage("libx", "1:2.0-1", "amd64", (PATH,), {PATH: DIGEST})
SOURCE: Final = "deb http://repository.example/debian stable main\n"
OTHER: Final = "Package: libx-dev\nVersion: 1:2.0-1\nArchitecture: amd64\n\n"
ENTRY: Final = "Package: libx\nArchitecture: amd64\nVersion: 1:2.0-1\nDescription: x\n\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The package that is wanted."""
    return build(Deb("libx", "1:2.0-1", {PATH: DATA}), tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A guest's root, with an empty cache and no repository."""
    root = tmp_path / "root"
    for folder in (CACHE, "/etc/apt", "/var/lib/apt/lists"):
        (root / folder.lstrip("/")).mkdir(parents=True)
    return root


def origin(root: Path, *folders: Path, network: bool = True) -> Origin:
    sources = Sources([str(one) for one in folders], network, str(root / "work"))
    return sources.origin(WANTED, Tree(str(root)))


def test_a_package_is_told_where_it_is_taken_from(root: Path, file: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    assert origin(root) is Origin.NOWHERE
    (root / "etc/apt/sources.list").write_text(SOURCE)
    assert origin(root) is Origin.UNLISTED
    assert origin(root, network=False) is Origin.NOWHERE
    given.mkdir()
    shutil.copy(file, given)
    assert origin(root, given, network=False) is Origin.GIVEN
    damaged = file.read_bytes()
    cached = root / CACHE.lstrip("/") / file.name
    cached.write_bytes(damaged.replace(b"the library", b"tha library", 1))
    assert origin(root, given) is Origin.GIVEN
    shutil.copy(file, cached)
    assert origin(root, given) is Origin.CACHE
    assert not (root / "work").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ENTRY, Origin.REPOSITORY),
        (OTHER + ENTRY + OTHER, Origin.REPOSITORY),
        (OTHER * 30_000 + ENTRY, Origin.REPOSITORY),
        (OTHER, Origin.UNLISTED),
        (ENTRY.replace("2.0", "2.1"), Origin.UNLISTED),
        (ENTRY.replace("amd64", "arm64"), Origin.UNLISTED),
        ("x" * (3 << 20), Origin.UNLISTED),
    ],
)
def test_the_lists_on_the_disk_tell_what_a_repository_has(
    text: str, found: Origin, root: Path
) -> None:
    (root / "etc/apt/sources.list").write_text(SOURCE)
    (root / "var/lib/apt/lists/repository.example_Packages").write_text(text)
    assert origin(root) is found
