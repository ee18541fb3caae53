"""What an operation is: steps that any process can go on with, rebuilt from words alone.

Nothing here runs anything: ``runner.run`` runs the steps in this process and remembers nothing,
the engine runs them durably. An operation knows neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from lifebuoy.hypervisor import Progress
from lifebuoy.operations.context import Context
from lifebuoy.operations.runner import Step

#: An object of JSON: texts, numbers, truth values, lists and objects of those. Never a secret.
JsonObject = dict[str, Any]


class Operation(Protocol):
    """One change of one instance.

    ``state`` is what later steps need to know from earlier ones; it is recorded after ``begin``
    and after every step, and set to the recorded value when another process goes on. Whatever an
    operation keeps elsewhere may be gone at the next step and must be found out again.
    """

    state: JsonObject

    def begin(self) -> None:
        """Refuse what cannot be, now that nobody else may change the instance; fill ``state``.

        Called once in the life of an operation, before the first step. Must change nothing.
        """

    def steps(self) -> list[Step]:
        """The steps in order, a function of the request and of what ``begin`` put into ``state``.

        Each ``do`` and ``undo`` is idempotent: it may have been done, or begun, before. Names are
        unique within the operation.
        """

    def result(self) -> JsonObject:
        """What was reached, for the record and for those who watch from elsewhere."""

    def close(self) -> None:
        """Let go of what this process holds open; called in any case."""


def no_progress(done: int, total: int) -> None:
    """A progress listener that ignores everything."""


def never_over() -> None:
    """No instance has an expiry date, as far as is known."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an operation is made from, anew in every process that works on it.

    ``instance`` is a UUID. ``request`` is what was asked, without secrets; ``secrets`` is what
    the asker's own process knows beside it: None in every other process, and after a crash.
    ``progress`` is told the units done and in all within the step under way. ``require_in_time``
    raises Expired where the instance's time is over, and that matters.
    """

    context: Context
    instance: str
    request: JsonObject
    secrets: object | None = field(default=None, repr=False)
    progress: Progress = no_progress
    require_in_time: Callable[[], None] = never_over


OperationT = TypeVar("OperationT", bound=Operation)
_Made_co = TypeVar("_Made_co", bound=Operation, covariant=True)


@dataclass(frozen=True, slots=True)
class Kind(Generic[_Made_co]):
    """A kind of operation, as it is found by name by whoever goes on with one.

    ``version`` is raised whenever the names, order or meaning of the steps or of the state
    change: an operation of another version is not gone on with, but closed. ``doing`` completes
    "to". ``replaces`` names kinds whose operations, left behind by a dead process, this one makes
    up for: they are closed when this one begins. ``undoes`` names those that are rolled back
    first. All others are finished first.
    """

    name: str
    version: int
    doing: str
    make: Callable[[Work], _Made_co]
    replaces: frozenset[str] = frozenset()
    undoes: frozenset[str] = frozenset()
