"""How many consoles may be open at the same time, for one instance, one account, and at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lifebuoy.console.tickets import Admission
from lifebuoy.errors import Refused

_AT_ALL: Final = 64
_OF_AN_ACCOUNT: Final = 12
_AT_AN_INSTANCE: Final = 6


class TooManyConsoles(Refused):
    """As many consoles are open as may be."""

    code = "too-many-consoles"


class Seats:
    """Those that are taken; from any thread."""

    def __init__(self) -> None:
        self._taken: list[Admission] = []
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, admission: Admission) -> Iterator[None]:
        """One for the block.

        Raises:
            TooManyConsoles: says of what.
        """
        with self._lock:
            if why := self._full(admission):
                raise TooManyConsoles(why, hint="close one of them", safe="")
            self._taken.append(admission)
        try:
            yield
        finally:
            with self._lock:
                self._taken.remove(admission)

    def _full(self, wanted: Admission) -> str:
        there = [(one.daemon, one.uuid) for one in self._taken]
        if there.count((wanted.daemon, wanted.uuid)) >= _AT_AN_INSTANCE:
            return f"'{wanted.name}' has {_AT_AN_INSTANCE} open consoles"
        if sum(one.account == wanted.account for one in self._taken) >= _OF_AN_ACCOUNT:
            return f"the account has {_OF_AN_ACCOUNT} open consoles"
        return f"{_AT_ALL} consoles are open" if len(self._taken) >= _AT_ALL else ""
