"""Lifebuoy itself is killed while it enters or leaves: another process brings the instance back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.model import StopMode
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.runner import StepState
from tests.boot import apart, machine
from tests.boot.listeners import At
from tests.conftest import Daemon

NAME: Final = "orphaned"
ASKED: Final = EnterRequest(NAME, "Quiet-Word-5", stop=StopMode.HARD, consent=True, timeout_s=0.1)
LEFT: Final = LeaveRequest(NAME, watch_s=0)


@pytest.fixture
def context(session_host: Host, idle_images: Catalogue, tmp_path: Path) -> Context:
    return Context(session_host, idle_images, tmp_path)


@pytest.fixture
def orphan(session_host: Host) -> Iterator[Domain]:
    domain = machine.settled(session_host, machine.bare(NAME))
    domain.autostart = True
    domain.start()
    yield domain
    machine.forget(session_host, domain)


def enter_and_die(uri: str, images: Path, step: str) -> None:
    with connect(uri, state_dir=images) as host:
        enter(Context(host, Catalogue(images), images), ASKED, dying(step))


def leave_and_die(uri: str, images: Path, step: str) -> None:
    with connect(uri, state_dir=images) as host:
        leave(Context(host, Catalogue(images), images), LEFT, dying(step))


def dying(step: str) -> At:
    return At(step=step, state=StepState.DONE, act=apart.die)


def rarely(step: str) -> object:
    return pytest.param(step, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "step",
    [
        rarely("note what was"),
        "prepare the password and keys",
        "stop the instance",
        rarely("switch the definition"),
        "start the rescue system",
        rarely("take the seed away"),
    ],
)
def test_what_an_entering_killed_left_behind_is_put_back_by_leaving(
    context: Context, daemon: Daemon, orphan: Domain, step: str
) -> None:
    before, number = machine.facts(orphan), orphan.id
    images = context.catalogue.folder
    apart.run_until_killed(enter_and_die, daemon.uri, images, step)
    was_stopped = orphan.id != number
    assert leave(context, LEFT).differences == ()
    assert machine.facts(orphan) == before
    assert machine.stay_media(context.host) == []
    if not was_stopped:
        assert orphan.id == number, "it was stopped although it had never been in rescue mode"


@pytest.mark.parametrize(
    "step",
    [
        rarely("note that it is left"),
        rarely("stop the rescue system"),
        "switch the definition back",
        "start the instance",
    ],
)
def test_a_leaving_killed_is_gone_on_with_by_asking_again(
    context: Context, daemon: Daemon, orphan: Domain, step: str
) -> None:
    before = machine.facts(orphan)
    enter(context, ASKED)
    images = context.catalogue.folder
    apart.run_until_killed(leave_and_die, daemon.uri, images, step)
    assert leave(context, LEFT).differences == ()
    assert machine.facts(orphan) == before
    assert machine.stay_media(context.host) == []
