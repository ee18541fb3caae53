"""Repairs: rounds of examining and applying until nothing that can be mended is left.

Whole-disk and file-system repairs go first and alone, as what is seen through a damaged table or
file system says little about the rest. Then room is made; what runs the guest's programs is last.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from . import applying, describing, mounting
from .change import CheckFileSystem, PutFile, RunInside
from .checks import registry, root_full
from .disk import Disk
from .examining import examine, findings
from .layers import Layers
from .model import Check, Finding, Link, LinkReport, Risk, Severity
from .packages import deb
from .patient import Patient, opened
from .undo import FOLDER, Store

MOST_ROUNDS = 12
SPARE_BYTES = 24 << 20


@dataclass(frozen=True)
class Wish:
    """What to repair: these ids only, where any are named; which system, from which packages.

    ``layers`` are open for the whole run. ``brief``: nothing else is examined either, for a
    caller who looks at the whole himself.
    """

    disks: Sequence[str]
    layers: Layers
    only: frozenset[str] = frozenset()
    firmware: str = ""
    root: str = ""
    folders: Sequence[str] = ()
    network: bool = True
    undo_folder: str = FOLDER
    bus: str = ""
    brief: bool = False

    def opened(self, *, writable: bool = False) -> AbstractContextManager[Patient]:
        """The patient that is meant."""
        return opened(
            self.disks,
            firmware=self.firmware,
            root=self.root,
            bus=self.bus,
            writable=writable,
            layers=self.layers,
        )


@dataclass
class Outcome:
    """What came of it: ids mended, failures in words, the state afterwards, where the undo lies."""

    mended: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    chain: list[LinkReport] = field(default_factory=list)
    undo: str = ""


Say = Callable[[str], None]


def repair(wish: Wish, run: str, say: Say) -> Outcome:
    """Mends what can be mended; each round ends with the same checks again."""
    outcome = Outcome()
    tried: set[tuple[str, str]] = set()
    outside = Path(wish.undo_folder) / run
    for _ in range(MOST_ROUNDS):
        with wish.opened() as patient:
            outcome.chain = examine(patient, checks=_wanted_checks(wish))
        todo = _todo(outcome.chain, wish, tried)
        if not todo:
            break
        tried |= {_key(finding) for finding in todo}
        if any(_is_unmounted(finding) for finding in todo):
            _apply_unmounted(wish, run, outside, todo, outcome, say)
        else:
            _apply_mounted(wish, run, outside, todo, outcome, say)
    _move_in(wish, run, outside, outcome)
    return outcome


def _wanted_checks(wish: Wish) -> list[Check] | None:
    return [one for one in registry() if one.ID in wish.only] if wish.brief else None


def _key(finding: Finding) -> tuple[str, str]:
    return finding.id, finding.seen


def _todo(chain: list[LinkReport], wish: Wish, tried: set[tuple[str, str]]) -> list[Finding]:
    wanted = [
        finding
        for finding in findings(chain)
        if _key(finding) not in tried and finding.repair is not None and is_wanted(finding, wish)
    ]
    turn = min(map(turn_of, wanted), default=0)
    todo: list[Finding] = []
    taken: set[str] = set()
    for finding in wanted:
        paths = _rewritten(finding)
        if turn_of(finding) == turn and not paths & taken:
            todo.append(finding)
            taken |= paths
    return todo


def _rewritten(finding: Finding) -> set[str]:
    """Files whose new content was made of what they are now: one finding of each in a round."""
    assert finding.repair is not None
    return {change.path for change in finding.repair.changes if isinstance(change, PutFile)}


def is_wanted(finding: Finding, wish: Wish) -> bool:
    """Named ones or, where none is named, what is ill and can be mended without much risk."""
    assert finding.repair is not None
    if wish.only:
        return finding.id in wish.only
    return finding.repair.risk is not Risk.HIGH and finding.severity is not Severity.NOTE


def turn_of(finding: Finding) -> int:
    """What others are repaired with goes before them: the disk, room on it, programs to run."""
    assert finding.repair is not None
    if finding.link is Link.PARTITION_TABLE or _is_unmounted(finding):
        return 0
    if finding.id == root_full.ID:
        return 1
    return 3 if any(isinstance(change, RunInside) for change in finding.repair.changes) else 2


def _is_unmounted(finding: Finding) -> bool:
    assert finding.repair is not None
    return any(isinstance(change, CheckFileSystem) for change in finding.repair.changes)


def _apply_unmounted(
    wish: Wish, run: str, outside: Path, todo: list[Finding], outcome: Outcome, say: Say
) -> None:
    disks = [Disk(path) for path in wish.disks]
    try:
        patient = Patient(disks, wish.layers.volumes(disks), work="")
        applier = applying.Applier(patient, _outside(wish, outside), deb.Sources(), run)
        _apply_all(applier, [one for one in todo if _is_unmounted(one)], outcome, say)
    finally:
        for disk in disks:
            disk.close()
    outcome.undo = str(outside)


def _apply_mounted(
    wish: Wish, run: str, outside: Path, todo: list[Finding], outcome: Outcome, say: Say
) -> None:
    with wish.opened(writable=True) as patient:
        store = _store(wish, patient, run, outside)
        inside = store.folder != outside
        outcome.undo = outcome.undo or (f"{FOLDER}/{run}" if inside else str(outside))
        sources = deb.Sources(wish.folders, wish.network, patient.work)
        _apply_all(applying.Applier(patient, store, sources, run), todo, outcome, say)


def _store(wish: Wish, patient: Patient, run: str, outside: Path) -> Store:
    """On the guest's disk where that has room, else on this system."""
    tree = patient.tree
    if tree is None or not os.access(tree.places["/"], os.W_OK):
        return _outside(wish, outside)
    place = Path(tree.places["/"])
    for name in FOLDER.strip("/").split("/"):
        place = place / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return _outside(wish, outside)
    if not applying.space_for(tree.places["/"], SPARE_BYTES):
        return _outside(wish, outside)
    return Store(place / run)


def _apply_all(
    applier: applying.Applier, todo: Sequence[Finding], outcome: Outcome, say: Say
) -> None:
    for finding in todo:
        assert finding.repair is not None
        say(f"{finding.id}: {finding.repair.summary}")
        for line in describing.plan(finding.repair)[:12]:
            say(f"  - {line}")
        try:
            applier.apply(finding.id, finding.repair.changes)
        except applying.CannotApply as failure:
            outcome.failed.append((finding.id, str(failure)))
            say(f"  failed: {failure}")
        else:
            outcome.mended.append(finding.id)


def _move_in(wish: Wish, run: str, outside: Path, outcome: Outcome) -> None:
    """What was kept on this system goes onto the guest's disk, once that can be written.

    Not the undo of a file system's check: it holds only until that file system is written to.
    """
    if not outside.exists() or any(one["kind"] == "e2undo" for one in Store(outside).records()):
        return
    with wish.opened(writable=True) as patient:
        target = _store(wish, patient, run, outside)
        size = sum(path.stat().st_size for path in outside.iterdir())
        place = str(target.folder)
        room = target.folder != outside and applying.space_for(place, size + SPARE_BYTES)
        if not room or any(target.records()):
            return  # two stores of one run stay two; undo reads both
        for path in outside.iterdir():
            shutil.copy2(path, target.folder / path.name)
        os.sync()
    shutil.rmtree(outside)
    outcome.undo = f"{FOLDER}/{run}"


def _outside(wish: Wish, folder: Path) -> Store:
    """A store on this system, with a note of the disks that it belongs to."""
    store = Store(folder)
    (folder / "disks").write_text(json.dumps(list(wish.disks)))
    return store


def _is_of(folder: Path, wish: Wish) -> bool:
    note = folder / "disks"
    return note.is_file() and json.loads(note.read_text()) == list(wish.disks)


def runs(wish: Wish) -> list[str]:
    """The names of the runs that can be undone, oldest first."""
    found = set()
    outside = Path(wish.undo_folder)
    if outside.is_dir():
        found |= {path.name for path in outside.iterdir() if _is_of(path, wish)}
    with wish.opened() as patient:
        if patient.tree is not None:
            found |= set(patient.tree.names(FOLDER))
    return sorted(found)


def undo(wish: Wish, run: str) -> list[str]:
    """Takes the run back; what could not be, in words.

    A check of a file system is taken back only where nothing was written to it since: its undo
    file has blocks, and to put old blocks between new ones would destroy the file system.
    """
    trouble: list[str] = []
    outside = Path(wish.undo_folder) / run
    checked = outside.is_dir() and any(one["kind"] == "e2undo" for one in Store(outside).records())
    if checked:
        trouble += _undo_checks(wish, Store(outside))
        if _only_checks(Store(outside)) and not _is_inside(wish, run):
            outside.rename(outside.with_name(f"{run}.undone"))
            return trouble
    with wish.opened(writable=True) as patient:
        for folder in _folders(patient, wish, run):
            trouble += applying.undo(patient, Store(folder))
            folder.rename(folder.with_name(f"{folder.name}.undone"))
    return trouble


def _only_checks(store: Store) -> bool:
    return all(record["kind"] == "e2undo" for record in store.records())


def _is_inside(wish: Wish, run: str) -> bool:
    with wish.opened() as patient:
        return patient.tree is not None and patient.tree.exists(f"{FOLDER}/{run}")


def _folders(patient: Patient, wish: Wish, run: str) -> list[Path]:
    found = [Path(wish.undo_folder) / run]
    if patient.tree is not None:
        inside = patient.tree.resolve(f"{FOLDER}/{run}")
        if inside is not None:
            found.append(Path(patient.tree.here(inside)))
    return [path for path in reversed(found) if path.is_dir()]


def _undo_checks(wish: Wish, store: Store) -> list[str]:
    """By e2undo, which refuses where the file system was written to since."""
    trouble = []
    disks = [Disk(path) for path in wish.disks]
    try:
        volumes = wish.layers.volumes(disks)
        for record in reversed(list(store.records())):
            if record["kind"] != "e2undo" or not (store.folder / record["before"]).exists():
                continue
            volume = next((one for one in volumes if one.name == record["volume"]), None)
            if volume is None:
                trouble.append(f"there is no volume {record['volume']}")
                continue
            node = mounting.node_of(volume)
            with applying.writable(volume, node) as device:
                done = mounting.run(["e2undo", str(store.folder / record["before"]), device])
            if done.returncode != 0:
                trouble.append(f"the check of {volume.name}: {done.stderr.strip()[-300:]}")
    finally:
        for disk in disks:
            disk.close()
    return trouble
