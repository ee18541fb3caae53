"""One operation as this process works on it: who is told, who may stop it, how it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.hypervisor import Progress
from lifebuoy.operations.context import Context
from lifebuoy.operations.journal import Ending
from lifebuoy.operations.operation import Operation, no_progress
from lifebuoy.operations.runner import Listener, nobody


class LetGo(BaseException):
    """This process stops working on an operation without ending it: another one goes on.

    No Exception, so that neither a step nor DBOS takes it for the operation's own failure.
    """


class DatabaseLost(LetGo):
    """The same because the database was locked or away for longer than is waited."""

    def __init__(self, trouble: DatabaseTrouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


def unsaid(_words: str) -> None:
    """Nobody wants to know."""


@dataclass(eq=False)
class Task:
    """What this process knows of an operation beside its record.

    ``context`` is a connected host that stays open until ``ended``; ``secrets`` what only the
    asker knows. ``interrupted`` is set to roll the operation back, ``hand_over`` to let it go for
    another process to go on with. ``recording_since`` is when it began to wait for the database
    (``time.monotonic``), None while it does not.
    """

    context: Context
    secrets: object | None = field(default=None, repr=False)
    listener: Listener = nobody
    progress: Progress = no_progress
    notice: Callable[[str], None] = unsaid
    interrupted: threading.Event = field(default_factory=threading.Event)
    hand_over: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    recording_since: float | None = None
    operation: Operation | None = None
    ending: Ending | None = None
    trouble: BaseException | None = None

    @contextmanager
    def recording(self) -> Iterator[None]:
        """In the block the database is waited for.

        Raises:
            DatabaseLost: it was waited for long enough.
        """
        self.recording_since = time.monotonic()
        try:
            yield
        except DatabaseTrouble as error:
            raise DatabaseLost(error) from error
        finally:
            self.recording_since = None
