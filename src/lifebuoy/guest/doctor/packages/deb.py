"""Debian packages as files: from the guest's cache, a folder or an ISO, or downloaded.

A package is used only where its name, version and architecture are those asked for, and a file
only where its MD5 is the one that the package database has.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..change import FromPackage
from ..mounting import run
from ..naming import plain
from ..tree import Tree
from .dpkg import canonical

DOWNLOAD_S = 300
MOST_MEMBER = 512 << 20


class NoPackage(Exception):
    """Where it was looked for, and why it was not found or not taken."""


@dataclass(frozen=True)
class Member:
    """A file or link out of a package."""

    path: str
    data: bytes
    link: str
    mode: int
    uid: int
    gid: int
    folder: bool = False


@dataclass
class Sources:
    """Where packages come from, in this order: the guest's cache, folders, its network."""

    folders: Sequence[str] = ()
    network: bool = True
    work: str = "/tmp"
    _found: dict[str, str] = field(default_factory=dict)

    def get(self, wanted: FromPackage, tree: Tree) -> str:
        """The path of the package. Raises NoPackage."""
        key = f"{wanted.package}_{wanted.version}_{wanted.architecture}"
        if key not in self._found:
            self._found[key] = self._look(wanted, tree)
        return self._found[key]

    def _look(self, wanted: FromPackage, tree: Tree) -> str:
        folders = list(self.folders)
        cache = tree.resolve("/var/cache/apt/archives")
        if cache is not None:
            folders.insert(0, tree.here(cache))
        for folder in folders:
            for path in candidates(folder, wanted.package):
                if _is(path, wanted):
                    return path
        if not self.network:
            raise NoPackage(f"{wanted.package} {wanted.version} is in no cache or folder given")
        return download(wanted, tree, self.work)


def candidates(folder: str, package: str) -> Iterator[str]:
    """Files in the folder, and below ``pool`` as on an ISO, that may be this package."""
    yield from sorted(map(str, Path(folder).glob(f"{package}_*.deb")))
    yield from sorted(map(str, Path(folder).glob(f"pool/**/{package}_*.deb")))


def _is(path: str, wanted: FromPackage) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    done = run(["dpkg-deb", "-f", path, "Package", "Version", "Architecture"])
    fields = dict(line.partition(": ")[::2] for line in done.stdout.splitlines())
    return (
        fields.get("Package") == wanted.package
        and fields.get("Version") == wanted.version
        and fields.get("Architecture") in (wanted.architecture, "all")
    )


def download(wanted: FromPackage, tree: Tree, work: str) -> str:
    """By this system's apt, with the guest's sources and keys; apt checks the signatures.

    Raises NoPackage.
    """
    area = Path(work) / "apt"
    options = _apt_options(area, tree, wanted.architecture)
    if not (area / "updated").exists():
        done = run(["apt-get", "-q", *options, "update"], DOWNLOAD_S)
        if done.returncode != 0:
            raise NoPackage(f"apt-get update: {_last(done.stderr)}")
        (area / "updated").touch()
    command = f"{wanted.package}:{wanted.architecture}={wanted.version}"
    if wanted.architecture == "all":
        command = f"{wanted.package}={wanted.version}"
    done = subprocess.run(
        ["apt-get", "-q", *options, "download", command],
        cwd=area / "got",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=DOWNLOAD_S,
        check=False,
    )
    for path in candidates(str(area / "got"), wanted.package):
        if _is(path, wanted):
            return path
    raise NoPackage(f"{wanted.package} {wanted.version}: {_last(done.stderr)}")


def _apt_options(area: Path, tree: Tree, architecture: str) -> list[str]:
    """A private apt: nothing of this system's or the guest's state is written."""
    for name in ("state/lists/partial", "cache/archives/partial", "got", "etc", "parts"):
        (area / name).mkdir(parents=True, exist_ok=True)
    for name in ("sources.list", "sources.list.d", "trusted.gpg.d", "trusted.gpg"):
        _copy(tree, f"/etc/apt/{name}", area / "etc" / name)
    _copy(tree, "/usr/share/keyrings", area / "keyrings")
    for path in (*(area / "etc").glob("sources.list"), *(area / "etc/sources.list.d").glob("*")):
        text = path.read_text(errors="replace")
        path.write_text(text.replace("/usr/share/keyrings/", f"{area}/keyrings/"))
    (area / "status").touch()
    settings = {
        "Dir::State": area / "state",
        "Dir::State::status": area / "status",
        "Dir::Cache": area / "cache",
        "Dir::Etc": area / "etc",
        "Dir::Etc::sourcelist": area / "etc/sources.list",
        "Dir::Etc::sourceparts": area / "etc/sources.list.d",
        "Dir::Etc::trusted": area / "etc/trusted.gpg",
        "Dir::Etc::trustedparts": area / "etc/trusted.gpg.d",
        "Dir::Etc::preferencesparts": area / "parts",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
    }
    if architecture != "all":
        settings["APT::Architecture"] = architecture
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _copy(tree: Tree, source: str, target: Path) -> None:
    """A file, or the files of a folder, of the guest; through the tree, so that no link escapes."""
    if tree.is_folder(source):
        target.mkdir(exist_ok=True)
        for name in tree.names(source)[:500]:
            data = tree.read(f"{source}/{name}", 4 << 20)
            if data is not None:
                (target / name).write_bytes(data)
    elif not target.exists():
        data = tree.read(source, 4 << 20)
        if data is not None:
            target.write_bytes(data)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return plain(lines[-1]) if lines else "no reason given"


@contextmanager
def _tar_of(path: str) -> Iterator[tarfile.TarFile]:
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                yield tar
        finally:
            process.kill()


def members(path: str, wanted: FromPackage) -> Iterator[Member]:
    """The wanted files, folders and links of the package, each verified. Raises NoPackage."""
    missing = {canonical(one) for one in wanted.paths}
    hard: dict[str, str] = {}
    with _tar_of(path) as tar:
        for info in tar:
            name = canonical(info.name)
            if name not in missing:
                continue
            missing.discard(name)
            if info.islnk():
                hard[name] = canonical(info.linkname)
            else:
                yield _member(tar, info, name, wanted, path)
            if not missing:
                break
    if missing:
        raise NoPackage(f"{os.path.basename(path)} does not hold {plain(sorted(missing)[0])}")
    if hard:
        yield from _hard_links(path, hard, wanted)


def _hard_links(path: str, hard: dict[str, str], wanted: FromPackage) -> Iterator[Member]:
    """Names whose content lies under another name, earlier in the package: it is read once more."""
    targets = set(hard.values())
    with _tar_of(path) as tar:
        for info in tar:
            target = canonical(info.name)
            if target not in targets or not info.isfile():
                continue
            data = _data(tar, info, target)
            for name in sorted(one for one, other in hard.items() if other == target):
                _verify(data, name, wanted, path)
                yield Member(name, data, "", info.mode, info.uid, info.gid)


def _member(
    tar: tarfile.TarFile, info: tarfile.TarInfo, name: str, wanted: FromPackage, path: str
) -> Member:
    if info.issym():
        return Member(name, b"", info.linkname, 0o777, info.uid, info.gid)
    if info.isdir():
        return Member(name, b"", "", info.mode, info.uid, info.gid, folder=True)
    data = _data(tar, info, name)
    _verify(data, name, wanted, path)
    return Member(name, data, "", info.mode, info.uid, info.gid)


def _verify(data: bytes, name: str, wanted: FromPackage, path: str) -> None:
    expected = wanted.digests.get(name)
    if expected and hashlib.md5(data, usedforsecurity=False).hexdigest() != expected:
        raise NoPackage(f"{name} in {path} is not the file that the database names")


def _data(tar: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> bytes:
    file = tar.extractfile(info) if info.isfile() else None
    if file is None or info.size > MOST_MEMBER:
        raise NoPackage(f"{name} is no regular file in its package")
    return file.read()


def tools_missing() -> list[str]:
    """The programs that this needs and this system does not have."""
    return [name for name in ("dpkg-deb", "apt-get") if shutil.which(name) is None]
