"""Carries out changes on a patient mounted for writing: the old state is kept first."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from . import mounting
from .change import (
    Change,
    CheckFileSystem,
    FromPackage,
    MakeFolder,
    MakeLink,
    PutFile,
    Relabel,
    Remove,
    RunInside,
    RunOutside,
    SetMode,
    WriteBlocks,
)
from .naming import plain
from .packages import deb
from .patient import Patient
from .tree import Tree
from .undo import Store, flush_folder, make_so, put_file, put_link, set_owner, state_of
from .usr import canonical
from .volume import Volume


class CannotApply(Exception):
    """Why a change was not made; the changes before it stand and can be undone."""


class Applier:
    """Applies the changes of one run."""

    def __init__(self, patient: Patient, store: Store, sources: deb.Sources, run: str) -> None:
        self._patient, self._store, self._sources, self._run = patient, store, sources, run

    def apply(self, finding: str, changes: Sequence[Change]) -> None:
        """Makes all the changes, in order. Raises CannotApply."""
        for change in changes:
            try:
                self._apply(finding, change)
            except (
                OSError,
                deb.NoPackage,
                mounting.CannotMount,
                subprocess.TimeoutExpired,
            ) as failure:
                raise CannotApply(str(failure)) from failure
            if self._patient.tree is not None:
                self._patient.tree.forget()

    def _apply(self, finding: str, change: Change) -> None:
        if isinstance(change, WriteBlocks):
            write_blocks(change, self._store, finding)
        elif isinstance(change, CheckFileSystem):
            check_file_system(change, self._patient, self._store, finding)
        elif isinstance(change, PutFile):
            self._put(finding, change)
        elif isinstance(change, MakeLink):
            path = self._place(finding, change.path)
            self._keep(finding, change.path, path)
            put_link(path, change.target)
        elif isinstance(change, MakeFolder):
            self._make_folder(finding, change)
        elif isinstance(change, SetMode):
            path = self._existing(change.path)
            self._keep(finding, self._tree.resolve(change.path) or change.path, path)
            set_owner(path, change.mode, change.uid, change.gid)
        elif isinstance(change, Relabel):
            self._put(finding, PutFile(change.path, b""))
        elif isinstance(change, Remove):
            path = self._place(finding, change.path)
            self._keep(finding, change.path, path)
            path.unlink(missing_ok=True)
            flush_folder(path.parent)
        elif isinstance(change, FromPackage):
            self._from_package(finding, change)
        elif isinstance(change, RunOutside):
            self._run_outside(finding, change)
        else:
            self._run_inside(finding, change)

    @property
    def _tree(self) -> Tree:
        return self._patient.files

    def _existing(self, path: str) -> Path:
        real = self._tree.resolve(path)
        if real is None:
            raise CannotApply(f"{path} is not there")
        return Path(self._tree.here(real))

    def _place(self, finding: str, path: str) -> Path:
        """Where a file of this name belongs; folders on the way are made."""
        parent = path.rpartition("/")[0] or "/"
        if self._tree.resolve(parent) is None:
            self._make_folder(finding, MakeFolder(parent))
            self._tree.forget()
        real = self._tree.target(path)
        if real is None:
            raise CannotApply(f"there is no place for {path}")
        return Path(self._tree.here(real))

    def _make_folder(self, finding: str, change: MakeFolder) -> None:
        path = self._place(finding, change.path)
        if path.is_dir() and not path.is_symlink():
            return
        self._keep(finding, change.path, path)
        if path.is_symlink() or path.exists():
            path.unlink()
        path.mkdir()
        set_owner(path, change.mode, change.uid, change.gid)

    def _keep(self, finding: str, shown: str, path: Path) -> None:
        state = state_of(path, self._store)
        real = self._tree.target(shown) or shown  # the root itself is no name in a folder
        self._store.note({"finding": finding, "kind": "path", "path": real, "before": state})

    def _put(self, finding: str, change: PutFile) -> None:
        real = self._tree.resolve(change.path)
        path = Path(self._tree.here(real)) if real else self._place(finding, change.path)
        self._keep(finding, real or change.path, path)
        mode, uid, gid = change.mode, change.uid, change.gid
        if path.is_file() and not path.is_symlink():
            old = path.stat()
            mode = old.st_mode & 0o7777 if mode is None else mode
            uid = old.st_uid if uid is None else uid
            gid = old.st_gid if gid is None else gid
            if change.beside or _is_edited(real or change.path, change.data, path):
                self._keep_beside(finding, real or change.path, path)
        put_file(path, change.data, 0o644 if mode is None else mode, uid or 0, gid or 0)

    def _keep_beside(self, finding: str, shown: str, path: Path) -> None:
        """What the owner had before this run, however often the file is rewritten in it."""
        kept = path.with_name(f"{path.name}.before-{self._run}")
        if not kept.exists():
            self._keep(finding, f"{shown}.before-{self._run}", kept)
            old = path.stat()
            put_file(kept, path.read_bytes(), old.st_mode & 0o7777, old.st_uid, old.st_gid)

    def _from_package(self, finding: str, change: FromPackage) -> None:
        """From the first package that is whole; what one lacks or has damaged, from the next."""
        left = {canonical(path, change.usr) for path in change.paths}
        damaged: list[str] = []
        for archive in self._archives(change, damaged):
            wanted = replace(change, paths=tuple(sorted(left)))
            try:
                for member in deb.members(archive, wanted):
                    self._put_member(finding, member)
                    left.discard(member.path)
                return
            except deb.NoPackage as failure:
                damaged.append(str(failure))

    def _archives(self, change: FromPackage, damaged: list[str]) -> Iterator[str]:
        """Raises CannotApply after the last, with what was damaged in those before."""
        try:
            yield from self._sources.each(change, self._tree)
        except deb.NoPackage as failure:
            raise CannotApply("; ".join([*damaged, str(failure)])) from failure

    def _put_member(self, finding: str, member: deb.Member) -> None:
        if member.folder:
            folder = MakeFolder(member.path, member.mode, member.uid, member.gid)
            self._make_folder(finding, folder)
            return
        path = self._place(finding, member.path)
        if _is_edited(member.path, member.data, path):
            self._keep_beside(finding, member.path, path)
        self._keep(finding, member.path, path)
        if member.link:
            put_link(path, member.link)
        else:
            put_file(path, member.data, member.mode, member.uid, member.gid)
        self._tree.forget()

    def _run_outside(self, finding: str, change: RunOutside) -> None:
        for path in change.saves:
            self._keep(finding, path, self._place(finding, path))
        root = self._tree.places["/"]
        done = mounting.run(
            [word.replace("{root}", root) for word in change.argv], change.timeout_s
        )
        if done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise CannotApply(f"{change.argv[0]}: {words[-1] if words else done.returncode}")

    def _run_inside(self, finding: str, change: RunInside) -> None:
        for path in change.saves:
            self._keep(finding, path, self._place(finding, path))
        root = self._tree.places["/"]
        mounted: list[str] = []
        try:
            for folder in ("dev", "proc", "sys"):
                real = self._tree.resolve(f"/{folder}")
                if real is not None:
                    mounting.run(["mount", "--rbind", f"/{folder}", self._tree.here(real)])
                    mounted.append(self._tree.here(real))
            for folder, place in self._tree.places.items():
                if folder != "/" and plain_folder(root, folder):
                    mounting.run(["mount", "--bind", place, root + folder])
                    mounted.append(root + folder)
            done = mounting.run(["chroot", root, *change.argv], change.timeout_s)
        finally:
            for place in reversed(mounted):
                mounting.run(["umount", "-R", "-l", place])
        if done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise CannotApply(f"{change.argv[0]}: {words[-1] if words else done.returncode}")


def _is_edited(shown: str, data: bytes, path: Path) -> bool:
    """Whether there is something of the owner's where a file of the configuration is written."""
    if not shown.startswith("/etc/") or path.is_symlink() or not path.is_file():
        return False
    return path.stat().st_size > 0 and path.read_bytes() != data


def plain_folder(root: str, folder: str) -> bool:
    """Whether no part of the folder is a link, which would lead a mount out of the root."""
    at = root
    for part in folder.strip("/").split("/"):
        at = f"{at}/{part}"
        if os.path.islink(at) or not os.path.isdir(at):
            return False
    return True


def write_blocks(change: WriteBlocks, store: Store, finding: str) -> None:
    """Writes to the disk itself; what stood there is kept first."""
    descriptor = os.open(change.disk, os.O_RDWR | os.O_CLOEXEC)
    try:
        old = os.pread(descriptor, len(change.data), change.offset)
        if len(old) != len(change.data):
            raise CannotApply(f"{change.disk} ends before byte {change.offset}")
        store.note(
            {
                "finding": finding,
                "kind": "blocks",
                "disk": change.disk,
                "offset": change.offset,
                "before": store.save(old),
            }
        )
        os.pwrite(descriptor, change.data, change.offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_file_system(
    change: CheckFileSystem, patient: Patient, store: Store, finding: str
) -> None:
    """Runs the checker on a volume that is not mounted; it keeps an undo file itself."""
    volume = next((one for one in patient.volumes if one.name == change.volume), None)
    if volume is None:
        raise CannotApply(f"there is no volume {change.volume}")
    node = mounting.node_of(volume)
    if node and mounting.mounted_at(node):
        raise CannotApply(f"{node} is mounted; unmount it first (system-umount)")
    name = f"e2undo-{volume.name}-{sum(1 for _ in store.records())}"
    record = {"finding": finding, "kind": "e2undo", "volume": volume.name, "before": name}
    store.note(record)
    with writable(volume, node) as device:
        words = [
            word.replace("{device}", device).replace("{undo}", str(store.folder / name))
            for word in change.argv
        ]
        done = mounting.run(words, 3600)
    if done.returncode not in change.accepted:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CannotApply(f"{words[0]} ended with {done.returncode}: {said[-1] if said else ''}")


@contextmanager
def writable(volume: Volume, node: str | None) -> Iterator[str]:
    """The volume's ``node``, or where it has none a loop device that is written out at the end."""
    if node is not None:
        yield node
        return
    with mounting.attached(volume, writable=True) as device:
        try:
            yield device
        finally:
            mounting.run(["blockdev", "--flushbufs", device])


def undo(patient: Patient, store: Store) -> list[str]:
    """Takes every change of the run back, newest first; what could not be, in words."""
    trouble = []
    for record in reversed(list(store.records())):
        try:
            _undo(patient, store, record)
        except (OSError, LookupError, TypeError, ValueError, CannotApply) as failure:
            trouble.append(f"{record.get('path') or record.get('kind')}: {failure}")
    return trouble


def _undo(patient: Patient, store: Store, record: dict[str, object]) -> None:
    if record["kind"] == "path":
        tree = patient.files
        path = str(record["path"])
        real = "/" if path == "/" else tree.target(path)
        if real is not None:
            before = record["before"]
            if not isinstance(before, dict):
                raise CannotApply("the journal is damaged")
            make_so(Path(tree.here(real)), before, store)
            tree.forget()
    elif record["kind"] == "blocks":
        disk = str(record["disk"])
        if disk not in {one.path for one in patient.disks}:
            raise CannotApply(f"{plain(disk)} is not among the disks named")
        descriptor = os.open(disk, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, store.saved(str(record["before"])), int(str(record["offset"])))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def space_for(folder: str, wanted: int) -> bool:
    """Whether a folder's file system has so many bytes to spare."""
    return shutil.disk_usage(folder).free > wanted
