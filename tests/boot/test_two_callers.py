"""Two callers at once, each on a connection of their own to one daemon: one wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.errors import Busy, ConsentNeeded, LifebuoyError, NotAllowed
from lifebuoy.hypervisor import Domain, Host, MediaStore, connect
from lifebuoy.image import Catalogue
from lifebuoy.model import InstanceState, StopMode
from lifebuoy.operations import lock, power
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import record
from tests.boot import machine
from tests.boot.listeners import At
from tests.conftest import Daemon

NAME: Final = "contested"
ASKED: Final = EnterRequest(NAME, "Quiet-Word-5", wait=False)
WAIT_S: Final = 60.0


@pytest.fixture
def callers(
    session_host: Host, daemon: Daemon, idle_images: Catalogue, tmp_path: Path
) -> Iterator[tuple[Context, Context]]:
    with connect(daemon.uri, state_dir=tmp_path) as other:
        yield (
            Context(session_host, idle_images, tmp_path),
            Context(other, idle_images, tmp_path),
        )


@pytest.fixture
def contested(session_host: Host) -> Iterator[Domain]:
    domain = machine.settled(session_host, machine.bare(NAME))
    yield domain
    machine.forget(session_host, domain)


class Gate:
    """Holds whoever comes to it until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self._open.wait(WAIT_S)

    def open(self) -> None:
        self._open.set()


@pytest.mark.parametrize("step", ["note what was", "start the rescue system"])
def test_whoever_comes_while_another_enters_is_told_who_is_at_work(
    callers: tuple[Context, Context], contested: Domain, step: str
) -> None:
    first, second = callers
    gate = Gate()
    with ThreadPoolExecutor(1) as threads:
        entering = threads.submit(enter, first, ASKED, At(step=step, act=gate))
        try:
            assert gate.reached.wait(WAIT_S)
            for ask in (enter_again, leave_it, start_it):
                with pytest.raises((Busy, NotAllowed)) as caught:
                    ask(second)
                assert NAME in caught.value.message
        finally:
            gate.open()
        entering.result(WAIT_S)
    assert state(contested) is InstanceState.RESCUE_MODE
    machine.kill(contested)
    assert leave(second, LeaveRequest(NAME)).differences == ()
    assert machine.stay_media(second.host) == []


def enter_again(context: Context) -> None:
    enter(context, ASKED)


def leave_it(context: Context) -> None:
    leave(context, LeaveRequest(NAME))


def start_it(context: Context) -> None:
    power.start(context, NAME)


def state(domain: Domain) -> InstanceState:
    return record.state_of(domain, record.read(domain))


def test_of_two_that_enter_in_the_same_moment_one_enters(
    callers: tuple[Context, Context], contested: Domain
) -> None:
    errors = at_once(callers, enter_again)
    assert len(errors) == 1 and isinstance(errors[0], Busy | NotAllowed), errors
    assert state(contested) is InstanceState.RESCUE_MODE


def test_of_two_that_leave_in_the_same_moment_one_leaves(
    callers: tuple[Context, Context], contested: Domain
) -> None:
    before = machine.facts(contested)
    enter(callers[0], ASKED)
    machine.kill(contested)
    errors = at_once(callers, leave_it)
    assert len(errors) == 1 and isinstance(errors[0], Busy | NotAllowed), errors
    assert machine.facts(contested) == before
    assert machine.stay_media(callers[0].host) == []


def test_whoever_asks_to_leave_a_moment_late_does_not_stop_the_instance_that_is_back(
    callers: tuple[Context, Context], contested: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = callers
    contested.start()
    enter(first, replace(ASKED, consent=True, stop=StopMode.HARD))
    machine.kill(contested)
    before_the_lock(monkeypatch, lambda: leave(first, LeaveRequest(NAME, watch_s=0)))
    with pytest.raises(NotAllowed):
        leave(second, LeaveRequest(NAME, watch_s=0))
    assert contested.active and machine.stay_media(second.host) == []


def test_an_instance_started_a_moment_ago_is_not_stopped_without_consent(
    callers: tuple[Context, Context], contested: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_lock(monkeypatch, contested.start)
    with pytest.raises(ConsentNeeded):
        enter(callers[0], ASKED)
    assert contested.active and machine.stay_media(callers[0].host) == []


def before_the_lock(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let ``act`` happen between the next caller's look at the state and its lock."""
    held = lock.held

    @contextmanager
    def late(store: MediaStore, uuid: str, name: str, doing: str) -> Iterator[None]:
        monkeypatch.setattr(lock, "held", held)
        act()
        with held(store, uuid, name, doing):
            yield

    monkeypatch.setattr(lock, "held", late)


def at_once(
    callers: tuple[Context, Context], ask: Callable[[Context], None]
) -> list[BaseException]:
    """What went wrong when both ask in the same moment; what is no error of ours is raised."""
    barrier = threading.Barrier(len(callers))

    def together(context: Context) -> None:
        barrier.wait(WAIT_S)
        ask(context)

    with ThreadPoolExecutor(len(callers)) as threads:
        asked: list[Future[None]] = [threads.submit(together, caller) for caller in callers]
        errors = [error for one in asked if (error := one.exception(WAIT_S)) is not None]
    for error in errors:
        if not isinstance(error, LifebuoyError):
            raise error
    return errors
