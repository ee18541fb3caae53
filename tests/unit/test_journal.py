"""An operation gone through with every step on record, cut short at every instant."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from lifebuoy.errors import Cancelled, DefinitionChanged, NotAllowed, StepFailed
from lifebuoy.interruption import CancelRequested, checked_by, checkpoint
from lifebuoy.operations import failures
from lifebuoy.operations.journal import Ending, Journey
from lifebuoy.operations.operation import JsonObject
from lifebuoy.operations.runner import Step, StepEvent, StepState
from lifebuoy.store import Outcome

NAMES: Final = ("one", "two", "three")


class Killed(BaseException):
    """What kill -9 does."""


class Tape:
    """Records acts as DBOS does: what was recorded is not done again, in the same order."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, str]] = []
        self.dies_after: int | None = None
        self._at = 0

    def again(self) -> Tape:
        """Another process goes on with what is recorded."""
        self._at, self.dies_after = 0, None
        return self

    def __call__(self, name: str, act: Callable[[], JsonObject]) -> JsonObject:
        if self._at == len(self.acts):
            done = json.dumps(act())
            if self.dies_after == self._at:
                raise Killed  # it was done, and not recorded
            self.acts.append((name, done))
        recorded, found = self.acts[self._at]
        assert recorded == name, "the steps are not what they were"
        self._at += 1
        value: JsonObject = json.loads(found)
        return value


class Three:
    """Counts what it did to a thing that outlives it; as idempotent as steps must be."""

    def __init__(self, thing: dict[str, Any], fails_at: str = "", onward_at: str = "") -> None:
        self._thing = thing
        self._fails_at = fails_at
        self._onward_at = onward_at
        self.state: JsonObject = {}

    def begin(self) -> None:
        self.state = {"count": 0}

    def steps(self) -> list[Step]:
        return [self._step(name) for name in NAMES]

    def result(self) -> JsonObject:
        return {"count": self.state["count"]}

    def close(self) -> None:
        return

    def _step(self, name: str) -> Step:
        def do() -> None:
            checkpoint()
            self._thing.setdefault("times", []).append(name)
            if name == self._fails_at:
                raise NotAllowed("no", hint="later")
            self._thing[name] = True
            self.state["count"] += 1

        def undo() -> None:
            checkpoint()
            self._thing.pop(name, None)

        return Step(name, do, undo, onward="No way back." if name == self._onward_at else "")


def went(thing: dict[str, Any], tape: Tape, **more: str) -> Ending:
    return Journey(Three(thing, **more), tape, lambda event: None).go()


def standing(thing: dict[str, Any]) -> list[str]:
    return [name for name in NAMES if thing.get(name)]


def test_all_steps_are_done_once_and_the_state_goes_through() -> None:
    thing: dict[str, Any] = {}
    ending = went(thing, Tape())
    assert (ending.outcome, ending.result, ending.error) == (Outcome.DONE, {"count": 3}, None)
    assert thing["times"] == list(NAMES)


def test_all_steps_are_named_before_the_first_is_done_and_again_when_it_is_gone_on_with() -> None:
    thing: dict[str, Any] = {}
    named: list[tuple[list[str], list[str]]] = []

    def planned(names: list[str]) -> None:
        named.append((names, list(thing.get("times", []))))

    tape = Tape()
    tape.dies_after = 2
    with pytest.raises(Killed):
        Journey(Three(thing), tape, lambda event: None, planned=planned).go()
    Journey(Three(thing), tape.again(), lambda event: None, planned=planned).go()
    assert named == [(list(NAMES), []), (list(NAMES), ["one", "two"])]


@pytest.mark.parametrize("dies_after", range(4))
@pytest.mark.parametrize("lost", [True, False])
def test_killed_anywhere_it_goes_on_where_it_was(dies_after: int, lost: bool) -> None:
    thing: dict[str, Any] = {}
    tape = Tape()
    tape.dies_after = dies_after
    with pytest.raises(Killed):
        went(thing, tape)
    assert went(thing, tape.again()).result == {"count": 3}
    done_twice = [NAMES[dies_after - 1]] if dies_after else []
    assert sorted(thing["times"]) == sorted([*NAMES, *done_twice])
    assert went(thing, tape.again()).outcome is Outcome.DONE  # all on record: nothing is done
    assert len(thing["times"]) == 3 + len(done_twice)


@pytest.mark.parametrize("dies_after", range(6))
def test_killed_anywhere_on_the_way_back_it_goes_back_to_the_beginning(dies_after: int) -> None:
    thing: dict[str, Any] = {}
    tape = Tape()
    tape.dies_after = dies_after
    with pytest.raises(Killed):
        went(thing, tape, fails_at="three")
        raise Killed  # it came to its end before it could be killed
    ending = went(thing, tape.again(), fails_at="three")
    assert isinstance(ending.error, StepFailed) and ending.outcome is Outcome.FAILED
    assert (ending.error.step, ending.error.cause.code) == ("three", "not-allowed")
    assert ending.error.safe == "Everything was put back as it was before."
    assert standing(thing) == []


def test_what_could_not_be_undone_is_tried_again_and_is_on_record() -> None:
    thing: dict[str, Any] = {"full": True}

    class Cramped(Three):
        def _step(self, name: str) -> Step:
            step = super()._step(name)

            def undo() -> None:
                if name == "two" and thing.pop("full", False):
                    raise NotAllowed("no room")
                assert step.undo is not None
                step.undo()

            return Step(name, step.do, undo)

    tape = Tape()
    for _ in range(2):  # the second time all is on record
        ending = Journey(Cramped(thing, fails_at="three"), tape, lambda event: None).go()
        assert ending.error is not None
        assert ending.error.safe == "Everything was put back as it was before."
        assert standing(thing) == [] and "full" not in thing
        tape = tape.again()


def test_past_the_point_of_no_return_nothing_is_undone() -> None:
    thing: dict[str, Any] = {}
    ending = went(thing, Tape(), fails_at="three", onward_at="two")
    assert ending.error is not None and ending.error.safe == "No way back."
    assert standing(thing) == ["one", "two"]


@pytest.mark.parametrize("at", range(1, 8))
def test_a_request_to_cancel_is_seen_at_any_checkpoint_and_not_on_the_way_back(at: int) -> None:
    thing: dict[str, Any] = {}
    tape = Tape()
    left = [at]

    def check() -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise CancelRequested("cancelled by me")

    with checked_by(check):
        ending = went(thing, tape)
    assert isinstance(ending.error, Cancelled) and "cancelled by me" in ending.error.message
    assert ending.outcome is Outcome.CANCELLED and standing(thing) == []
    assert went(thing, tape.again()).outcome is Outcome.CANCELLED


@pytest.mark.parametrize("dies_after", range(4))
def test_what_a_killed_process_did_of_a_step_is_undone_when_it_is_rolled_back_at_once(
    dies_after: int,
) -> None:
    thing: dict[str, Any] = {}
    tape = Tape()
    tape.dies_after = dies_after
    with pytest.raises(Killed):
        went(thing, tape)

    def check() -> None:
        raise CancelRequested("rolled back first")

    with checked_by(check):
        ending = went(thing, tape.again())
    assert ending.outcome is Outcome.CANCELLED and standing(thing) == []
    assert went(thing, tape.again()).outcome is Outcome.CANCELLED


def test_a_step_of_no_return_that_was_cut_short_is_not_undone_either() -> None:
    thing: dict[str, Any] = {}
    tape = Tape()
    tape.dies_after = 2
    with pytest.raises(Killed):
        went(thing, tape, onward_at="two")

    def check() -> None:
        raise CancelRequested("rolled back first")

    with checked_by(check):
        ending = went(thing, tape.again(), onward_at="two")
    assert ending.error is not None and ending.error.safe == "No way back."
    assert standing(thing) == ["one", "two"]


def test_an_interrupt_in_whoever_is_told_rolls_back() -> None:
    thing: dict[str, Any] = {}

    def listener(event: StepEvent) -> None:
        if (event.step, event.state) == ("two", StepState.DONE):
            raise KeyboardInterrupt

    ending = Journey(Three(thing), Tape(), listener).go()
    assert ending.outcome is Outcome.CANCELLED and standing(thing) == []


def test_whoever_goes_on_shows_what_was_done_before() -> None:
    thing: dict[str, Any] = {}
    tape = Tape()
    tape.dies_after = 3
    with pytest.raises(Killed):
        went(thing, tape)
    again: list[StepEvent] = []
    now: list[StepEvent] = []
    Journey(Three(thing), tape.again(), now.append, again=again.append).go()
    assert [(e.step, e.state) for e in again if e.state is StepState.DONE] == [
        ("one", StepState.DONE),
        ("two", StepState.DONE),
    ]
    assert {event.step for event in now} == {"three"}


def test_errors_come_back_from_the_record_as_they_were() -> None:
    cause = NotAllowed("m", hint="h", safe="s")
    for error in (cause, StepFailed("step", cause, safe="s2"), DefinitionChanged("vm", ["+a"])):
        facts = json.loads(json.dumps(failures.facts_of(error)))
        back = failures.restored(facts)
        assert type(back) is type(error) and failures.facts_of(back) == facts
    unknown = failures.restored({"code": "of-tomorrow", "message": "m", "safe": "", "hint": ""})
    assert unknown.message == "m"
