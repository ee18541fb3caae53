"""Operations that a server does: asked for, shown as they go on, stopped by Ctrl-C as here.

The command line is told of them what it tells of its own, so the same code shows both.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from lifebuoy.cli import operation_view, progress
from lifebuoy.cli.operations import tell_waiting
from lifebuoy.cli.session import Session
from lifebuoy.errors import Cancelled, HostTrouble, LifebuoyError, Refused
from lifebuoy.interruption import deferred
from lifebuoy.operations.failures import restored
from lifebuoy.operations.operation import JsonObject
from lifebuoy.operations.unrecorded import told_plainly

if TYPE_CHECKING:
    from lifebuoy.client.server import Found, Server
    from lifebuoy.operations.history import Account

_LIST: Final = "lifebuoy operations list"
_STOPPING: Final = "Stopping: it is rolled back as soon as what is under way can be left."


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a server's, as one command acts on it."""

    session: Session
    server: Server
    found: Found
    as_json: bool

    @classmethod
    def named(cls, session: Session, server: Server, ref: str, *, as_json: bool) -> Self:
        """The one that ``ref`` names, which is to be changed."""
        return cls(session, server, session.there(server, ref), as_json)

    @property
    def name(self) -> str:
        """What the user called it, without its host."""
        return self.found.typed

    def ask(self, what: str, body: object) -> JsonObject:
        """What the server says to something that changes nothing.

        Raises:
            LifebuoyError: what stands in the way.
        """
        found: JsonObject = self.server.link.send("POST", f"{self.found.path}/{what}", body)
        return found

    def act(
        self, action: str, body: object = None, *, queue: bool, password: str | None = None
    ) -> JsonObject | None:
        """Have it done, shown step by step; what it has reached.

        ``queue``: it is only asked for, that is said, with the ``password`` that was made up for
        it, and the answer is None.

        Raises:
            LifebuoyError: see ``performed``.
        """
        return self._act(action, body, queue=queue, password=password, silent=self.as_json)

    def act_plainly(self, action: str, body: object = None, *, queue: bool) -> JsonObject | None:
        """The same of what has one step, which needs no list of steps."""
        with told_plainly():
            return self._act(action, body, queue=queue, password=None, silent=True)

    def _act(
        self, action: str, body: object, *, queue: bool, password: str | None, silent: bool
    ) -> JsonObject | None:
        path = f"{self.found.path}/{action}"
        if queue:
            begun = self.server.begin(path, body)
            tell_waiting(self.session, begun, as_json=self.as_json, password=password)
            return None
        with progress.shown(silent=silent) as view:
            return performed(self.server, path, body, view)


def performed(
    server: Server, path: str, body: object, view: progress.View, *, method: str = "POST"
) -> JsonObject:
    """Have it done, and show it; what it has reached.

    Raises:
        LifebuoyError: it was refused; or what it ended with, if it is not done.
    """
    teller = operation_view.Teller(view)
    begun: Account | None = None
    try:
        with deferred():  # what was asked for can be cancelled only once it is known by its id
            begun = server.begin(path, body, method)
        ended = _told(server, begun.record.id, teller)
    except KeyboardInterrupt:
        if begun is None:
            raise Cancelled(
                "interrupted", safe="Whether it was begun is not known.", hint=_LIST
            ) from None
        ended = _stopped(server, begun.record.id, view, teller)
    if ended.record.error is not None:
        raise restored(ended.record.error)
    if ended.record.result is None:
        raise HostTrouble(f"operation {ended.record.id} is {ended.record.standing}", safe="")
    return ended.record.result


def _stopped(
    server: Server, id_: str, view: progress.View, teller: operation_view.Teller
) -> Account:
    """Have it rolled back, and show that; within the handler of Ctrl-C, so that the next one asks
    for patience.

    Raises:
        Cancelled: it cannot go back any more, and goes on without being looked at.
    """
    view.note(_STOPPING)
    with suppress(Refused):
        server.cancel(id_)
        return _told(server, id_, teller)
    found = server.operation(id_)
    if found.record.is_finished:
        return found
    raise Cancelled(
        f"interrupted; operation {id_} cannot be rolled back any more, and goes on",
        hint=f"lifebuoy operations watch {id_}",
        safe="",
    )


def _told(server: Server, id_: str, teller: operation_view.Teller) -> Account:
    last: Account | None = None
    for account in server.watch(id_):
        if account is not None:
            teller.tell(account)
            last = account
    if last is None:
        raise LifebuoyError(f"nothing was heard of operation {id_}", safe="")
    return last
