"""Kinds of operation across versions of Lifebuoy: changed steps need a new version of their kind.

An operation may be under way while Lifebuoy is upgraded. The new one goes on with it only where
the kind's version is the same, so that must not stay the same when steps change.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from lifebuoy.errors import UnknownOperation
from lifebuoy.operations import kinds
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import EnterRequest, Secrets
from lifebuoy.operations.enter import packed as enter_packed
from lifebuoy.operations.leave import LeaveRequest
from lifebuoy.operations.leave import packed as leave_packed
from lifebuoy.operations.operation import Work
from lifebuoy.operations.power import StopRequest
from lifebuoy.operations.power import packed as stop_packed
from lifebuoy.operations.repair import RepairRequest, UndoRequest
from lifebuoy.operations.repair import packed as repair_packed
from lifebuoy.operations.supplying import Brought

#: What each released version of a kind does when it does all it can. When steps change, raise the
#: version of the kind and write the new names here.
STEPS: Final = {
    ("rescue-enter", 2): [
        "note what was",
        "place the rescue image",
        "prepare the password and keys",
        "stop the instance",
        "make a backup point",
        "copy the UEFI variables",
        "switch the definition",
        "give the saved memory up",
        "start the rescue system",
        "wait until it can be logged in to",
        "run the owner's script",
        "take the seed away",
        "finish",
    ],
    ("rescue-exit", 1): [
        "note that it is left",
        "flush and unmount",
        "stop the rescue system",
        "switch the definition back",
        "remove the stay's media",
        "look at the UEFI variables",
        "start the instance",
        "finish",
        "compare with what was recorded",
        "watch the boot",
    ],
    ("rescue-password", 1): ["set the password"],
    ("start", 1): ["start the instance", "watch the boot"],
    ("stop", 1): ["stop the instance"],
    ("reboot", 1): ["ask it to reboot"],
    ("repair", 2): [
        "hand the packages over",
        "mend table-mbr",
        "mend root-ext",
        "mend what came to light",
        "take the packages away",
        "look again",
    ],
    ("repair-undo", 1): ["take the repair back"],
}
_STAY: Final = {
    "phase": "rescue",
    "session": "s",
    "since": "t",
    "was_running": True,
    "autostart": False,
    "image": "i",
    "host_key": "",
    "original": "",
    "defined": "",
    "volumes": [],
    "nvram_sha256": "",
}
#: A request and a state with which every step is there.
EVERYTHING: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "rescue-enter": (
        enter_packed(EnterRequest("vm", "x", script=b"x")),
        {"was_running": True, "saved": True, "backup": "b"},
    ),
    "rescue-exit": (leave_packed(LeaveRequest("vm")), {"stay": _STAY, "cut": True, "uefi": True}),
    "rescue-password": ({}, {}),
    "start": ({"watch_s": 1.0}, {}),
    "stop": (stop_packed(StopRequest("vm")), {}),
    "reboot": ({}, {}),
    "repair": (
        repair_packed(RepairRequest(packages=Brought(("/debs",), "i"))),
        {"plan": ["table-mbr", "root-ext"], "run": "r"},
    ),
    "repair-undo": (repair_packed(UndoRequest()), {"run": "r"}),
}


class _Nobody:
    """A host whose only instance nobody touches."""

    def domain(self, ref: str) -> Any:
        return SimpleNamespace(name="vm", uuid=ref, destroy=None, reboot=None)


@pytest.mark.parametrize("name", EVERYTHING)
def test_changed_steps_have_a_new_version_of_their_kind(name: str) -> None:
    kind = kinds.find(name)
    request, state = EVERYTHING[name]
    there: Any = SimpleNamespace(host=_Nobody())
    secrets = Secrets("x", script=b"x") if name == "rescue-enter" else None
    context: Context = there
    operation = kind.make(Work(context, "u", request, secrets))
    operation.state = dict(state)
    assert [step.name for step in operation.steps()] == STEPS[name, kind.version]


@pytest.mark.parametrize("name", kinds.NAMES)
def test_every_kind_is_found_by_its_name(name: str) -> None:
    assert kinds.find(name).name == name and kinds.find(name).version >= 1


def test_a_kind_of_another_version_of_lifebuoy_is_told() -> None:
    with pytest.raises(UnknownOperation):
        kinds.find("of-tomorrow")


def test_what_is_written_down_of_a_request_holds_no_secret() -> None:
    asked = EnterRequest("vm", "Secret-Word-9", script=b"secret script", ssh_keys=("key",))
    assert "ecret" not in str(enter_packed(asked))


def test_dbos_is_loaded_by_nothing_but_the_module_that_speaks_to_it() -> None:
    source = Path(kinds.__file__).parents[1]
    speaking = [path.name for path in source.rglob("*.py") if "from dbos" in path.read_text()]
    assert speaking == ["workflows.py"]
