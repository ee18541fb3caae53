"""Operations watched by many: each is read from the record once, however many look at it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool

from lifebuoy.errors import LifebuoyError
from lifebuoy.operations.history import Account

_LOOK_S: Final = 0.4
#: So often something is sent where nothing happens, so that a proxy keeps the connection open and
#: one whose other end is gone is noticed.
_PULSE_S: Final = 15.0


class News:
    """How an operation is now, and what was written of it for those who watch."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._texts: dict[str, str] = {}

    def text(self, form: str, write: Callable[[Account], str]) -> str:
        """What ``write`` makes of it: made once for all who want it in that ``form``."""
        found = self._texts.get(form)
        if found is None:
            found = self._texts[form] = write(self.account)
        return found


class _Watched:
    """One operation and how it was last; ``changed`` is set, and replaced, at each change."""

    def __init__(self) -> None:
        self.news: News | None = None
        self.version = 0
        self.is_over = False
        self.watchers = 0
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def tell(self, account: Account | None = None, *, is_over: bool = False) -> None:
        """Wake all who watch; with ``account`` there is news."""
        if account is not None:
            self.news, self.version = News(account), self.version + 1
        self.is_over = is_over
        before, self.changed = self.changed, asyncio.Event()
        before.set()


class Hub:
    """All operations that somebody watches; of one event loop."""

    def __init__(self, read: Callable[[str], Account], stopping: threading.Event) -> None:
        self._read = read
        self._stopping = stopping
        self._watched: dict[str, _Watched] = {}

    async def watch(self, id_: str) -> AsyncIterator[News | None]:
        """The operation of that whole id now, and again whenever something of it has changed,
        until it has ended or the server stops; None now and then where nothing happens."""
        one = self._watched.get(id_)
        if one is None or one.is_over:
            one = self._watched[id_] = _Watched()
            one.task = asyncio.create_task(self._follow(id_, one))
        one.watchers += 1
        seen = 0
        try:
            while True:
                changed = one.changed
                if one.version != seen:
                    seen = one.version
                    yield one.news
                elif one.is_over:
                    return
                else:
                    await changed.wait()
                    if one.version == seen and not one.is_over:
                        yield None
        finally:
            one.watchers -= 1

    async def _follow(self, id_: str, one: _Watched) -> None:
        pulse = time.monotonic()
        try:
            while not self._stopping.is_set():
                account = await run_in_threadpool(self._read, id_)
                if one.news is None or account != one.news.account:
                    pulse = time.monotonic()
                    one.tell(account, is_over=account.record.is_finished)
                    if one.is_over:
                        return
                elif time.monotonic() - pulse >= _PULSE_S:
                    pulse = time.monotonic()
                    one.tell()
                await asyncio.sleep(_LOOK_S)
                if not one.watchers:
                    return
        except LifebuoyError:
            return  # who watches asks again, and is told
        finally:
            one.tell(is_over=True)
            if self._watched.get(id_) is one:
                del self._watched[id_]
