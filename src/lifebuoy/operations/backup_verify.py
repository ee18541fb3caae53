"""Is a backup point still what it was made of? Looks and reads; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from lifebuoy.backup.book import Content, File, Layer
from lifebuoy.hypervisor import Host, Progress
from lifebuoy.hypervisor.diskfiles import DiskFiles
from lifebuoy.hypervisor.disks import disk_files
from lifebuoy.hypervisor.imageheader import ImageHeader, parse
from lifebuoy.operations.backup_list import find

_BASES_MAX = 32


@dataclass(frozen=True, slots=True)
class Verified:
    """One file of a point. ``problem`` is empty where all is well; ``how`` says what was looked
    at."""

    disk: str
    path: str
    how: str
    problem: str

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of one point."""

    id: str
    instance: str
    files: tuple[Verified, ...]

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return all(file.ok for file in self.files)


def verify(host: Host, id: str, progress: Progress) -> Verification:
    """Compare the files of a point with what was noted when they were written for the last time.

    A copy's content is read whole; of a frozen point's files the sizes and times tell, and
    qemu-img's own check where that can be run.

    Raises:
        PointNotFound: see ``backup_list.find``.
    """
    book, point = find(host, id)
    content = book.content
    assert content is not None
    files = disk_files(host)
    found = [
        _verified(files, content, layer, target, progress)
        for layer in content.line(point.layer)
        for target in layer.files
    ]
    found += _variables(host, point.nvram)
    return Verification(point.id, book.name, tuple(found))


def _verified(
    files: DiskFiles, content: Content, layer: Layer, target: str, progress: Progress
) -> Verified:
    file = layer.files[target]
    how = "size, time and format as noted"
    seen = files.look(file.path)
    if seen is None:
        return Verified(target, file.path, how, "the file is missing")
    header = parse(files.header(file.path))
    below = content.layer(layer.parent).files.get(target) if layer.parent else None
    problem = _changed(file, seen.size_bytes, seen.modified) or _other(file, header, below)
    if not problem and file.original:
        problem = _lost_base(files, header)
    if not problem and file.sha256:
        how = "SHA-256 of the whole content"
        if files.digest(file.path, progress) != file.sha256:
            problem = "its content is not what was copied"
    if not problem and file.format == "qcow2" and (words := files.check(file.path)) is not None:
        how += ", qemu-img check"
        problem = words
    return Verified(target, file.path, how, problem)


def _changed(file: File, size_bytes: int, modified: str) -> str:
    if size_bytes != file.size_bytes:
        return f"its size is {size_bytes} bytes, not {file.size_bytes}: somebody wrote to it"
    if modified != file.modified:
        return f"it was written to at {modified}, and for the last time by us at {file.modified}"
    return ""


def _other(file: File, header: ImageHeader, below: File | None) -> str:
    if header.format != file.format:
        return f"it looks like {header.format}, not {file.format}"
    if header.capacity_bytes and header.capacity_bytes != file.capacity_bytes:
        return f"the disk in it has {header.capacity_bytes} bytes, not {file.capacity_bytes}"
    if header.corrupt:
        return "it is marked as corrupt"
    if below is not None and header.backing != below.path:
        return f"it lies over {header.backing or 'nothing'}, not over {below.path}"
    return ""


def _lost_base(files: DiskFiles, header: ImageHeader) -> str:
    """A base of the instance's own, below the original, that is gone."""
    for _ in range(_BASES_MAX):
        base = header.backing
        if not base.startswith("/"):
            return ""  # none, or named in a way that only QEMU resolves
        if files.look(base) is None:
            return f"its own base is missing: {base}"
        header = parse(files.header(base))
    return ""


def _variables(host: Host, name: str) -> list[Verified]:
    if not name:
        return []
    there = host.store.find(name)
    problem = "" if there and there.size_bytes else "the copy of the UEFI variables is missing"
    return [Verified("UEFI variables", name, "there", problem)]
