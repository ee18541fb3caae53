"""Whose lock counts: that of a process that runs, here or where it cannot be looked at."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lifebuoy.errors import Busy
from lifebuoy.hypervisor.folder import FolderStore
from lifebuoy.operations import lock

UUID = "00000000-0000-4000-8000-0000000000aa"
_TAKE_AND_END = """
import os, sys
from pathlib import Path
from lifebuoy.hypervisor.folder import FolderStore
from lifebuoy.operations import lock
with lock.held(FolderStore(Path(sys.argv[1])), sys.argv[2], "vm", "test"):
    os._exit(0)
"""


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def taken_by_one_who_ends(folder: Path) -> subprocess.Popen[bytes]:
    """A process that took the lock and has ended; nobody has asked for its status yet."""
    process = subprocess.Popen([sys.executable, "-c", _TAKE_AND_END, str(folder), UUID])
    stat = Path(f"/proc/{process.pid}/stat")
    deadline = time.monotonic() + 30
    while ") Z " not in stat.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_a_held_lock_refuses_the_next_caller_and_is_gone_afterwards(store: FolderStore) -> None:
    with lock.held(store, UUID, "vm", "test"):
        assert lock.holder(store, UUID)
        with pytest.raises(Busy), lock.held(store, UUID, "vm", "test"):
            pass
    assert lock.holder(store, UUID) is None and store.list() == []


def test_an_ended_process_holds_nothing_even_before_its_parent_has_noticed(
    store: FolderStore, tmp_path: Path
) -> None:
    process = taken_by_one_who_ends(tmp_path)
    try:
        assert len(store.list()) == 1 and lock.holder(store, UUID) is None
        with lock.held(store, UUID, "vm", "test"):
            assert lock.holder(store, UUID)
    finally:
        process.wait()
    assert store.list() == []


@pytest.mark.parametrize("where", ["host", "boot", "processes"])
@pytest.mark.parametrize(("age_s", "counts"), [(60.0, True), (7200.0, False)])
def test_a_process_elsewhere_counts_for_an_hour(
    store: FolderStore, tmp_path: Path, where: str, age_s: float, counts: bool
) -> None:
    process = taken_by_one_who_ends(tmp_path)
    process.wait()

    def elsewhere(facts: dict[str, object]) -> None:
        facts[where] = "another"
        facts["time"] = time.time() - age_s

    rewrite(tmp_path, elsewhere)
    assert (lock.holder(store, UUID) is not None) is counts


def rewrite(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    (file,) = folder.iterdir()
    facts = json.loads(file.read_text())
    change(facts)
    file.write_text(json.dumps(facts))


def test_a_lock_left_for_an_operation_is_taken_over_by_whoever_goes_on_with_it(
    store: FolderStore, tmp_path: Path
) -> None:
    with lock.held(store, UUID, "vm", "test", operation="one"):
        (file,) = tmp_path.iterdir()
        left = file.read_bytes()
    rewritten = json.loads(left) | {
        "host": "another"
    }  # it cannot be seen from here whether it lives
    (tmp_path / file.name).write_text(json.dumps(rewritten))
    with pytest.raises(Busy), lock.held(store, UUID, "vm", "test", operation="two"):
        pass
    with lock.held(store, UUID, "vm", "test", operation="one"):
        assert lock.holder(store, UUID)
    assert store.list() == []
    (tmp_path / file.name).write_text(json.dumps(rewritten))
    over = {"one"}.__contains__
    with lock.held(store, UUID, "vm", "test", operation="two", is_over=over):
        assert lock.holder(store, UUID)
    assert store.list() == []
