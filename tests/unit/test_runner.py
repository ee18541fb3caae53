"""The runner of operations: in order, undone newest first, whatever interrupts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lifebuoy.errors import Cancelled, HostTrouble, StepFailed, TimedOut
from lifebuoy.operations.runner import Step, StepEvent, StepState, run


def fails(error: BaseException) -> Callable[[], None]:
    def do() -> None:
        raise error

    return do


def steps(done: list[str], last: Step) -> list[Step]:
    def note(word: str) -> Callable[[], None]:
        return lambda: done.append(word)

    return [
        Step("one", note("one"), note("undo one")),
        Step("two", note("two")),
        Step("three", note("three"), note("undo three")),
        last,
    ]


def test_a_failure_undoes_what_was_done_newest_first_and_names_the_step() -> None:
    done: list[str] = []
    events: list[StepEvent] = []
    last = Step("four", fails(TimedOut("no answer", hint="wait")), lambda: done.append("undo four"))
    with pytest.raises(StepFailed) as caught:
        run(steps(done, last), events.append)
    assert done == ["one", "two", "three", "undo four", "undo three", "undo one"]
    assert caught.value.step == "four" and caught.value.hint == "wait"
    assert "put back" in caught.value.safe
    undone = [event.step for event in events if event.state is StepState.UNDONE]
    assert undone == ["four", "three", "one"]


def test_an_interrupt_is_rolled_back_and_told_as_cancelled() -> None:
    done: list[str] = []
    with pytest.raises(Cancelled, match="four"):
        run(steps(done, Step("four", fails(KeyboardInterrupt()))))
    assert done[-2:] == ["undo three", "undo one"]


def test_an_undo_that_fails_does_not_keep_the_others_from_being_undone() -> None:
    done: list[str] = []
    last = Step("four", fails(HostTrouble("no")), fails(HostTrouble("cannot undo")))
    with pytest.raises(StepFailed) as caught:
        run(steps(done, last))
    assert done[-1] == "undo one"
    assert "NOT" in caught.value.safe and "four: cannot undo" in caught.value.safe


def test_what_could_not_be_undone_is_tried_again_when_the_others_have_made_room() -> None:
    done: list[str] = []

    def needs_room() -> None:
        if "undo one" not in done:
            raise HostTrouble("no room")
        done.append("undo four")

    last = Step("four", fails(HostTrouble("no")), needs_room)
    events: list[StepEvent] = []
    with pytest.raises(StepFailed) as caught:
        run(steps(done, last), events.append)
    assert done[-3:] == ["undo three", "undo one", "undo four"]
    assert caught.value.safe == "Everything was put back as it was before."
    told = [event.state for event in events if event.step == "four"]
    assert told[-2:] == [StepState.UNDO_FAILED, StepState.UNDONE]


def test_a_foreign_error_is_told_by_its_kind_never_by_its_text() -> None:
    done: list[str] = []
    with pytest.raises(StepFailed) as caught:
        run(steps(done, Step("four", fails(ValueError("password hunter2")))))
    assert "hunter2" not in str(caught.value) and "ValueError" in str(caught.value)
    assert done[-1] == "undo one"


def test_what_a_step_found_is_told() -> None:
    events: list[StepEvent] = []
    run([Step("one", lambda: "42 MiB")], events.append)
    assert [(event.state, event.detail) for event in events] == [
        (StepState.STARTED, ""),
        (StepState.DONE, "42 MiB"),
    ]
