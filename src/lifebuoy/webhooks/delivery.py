"""Sends what webhooks are to be told, again and again until it is taken. In threads of its own.

Each webhook has its thread, so that a slow one holds no other up. What was not taken is tried
again after a pause that grows up to a day; a receiver tells messages apart by their id, as one
may come twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import structlog

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.interruption import BackgroundThread
from lifebuoy.store import Database
from lifebuoy.webhooks import outbox
from lifebuoy.webhooks.model import Hook, body_of, headers_of
from lifebuoy.webhooks.outbox import Delivery

_log = structlog.get_logger(__name__)

_TURN_S: Final = 0.5
#: For all of it: connecting, sending, and the answer's first line. Less than the lease.
_DEADLINE_S: Final = 10.0
#: Pauses after the first, second ... try; after the last it is given up.
_PAUSES_S: Final = (1, 5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400)
_END_S: Final = _DEADLINE_S + 2


@contextmanager
def delivering(database: Database, hooks: Sequence[Hook]) -> Iterator[None]:
    """Deliver in the block; a try that is under way at its end is waited for."""
    stopping = threading.Event()
    threads = [
        BackgroundThread(_serve, database, hook, stopping, name=f"webhook {hook.name}")
        for hook in hooks
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(_END_S)


def _serve(database: Database, hook: Hook, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            outbox.gather(database, hook.name, _now())
            delivery = outbox.take(database, hook.name, _now())
            if delivery is not None:
                _try(database, hook, delivery)
                continue
        except DatabaseTrouble as error:
            _log.warning("webhook_waits", hook=hook.name, error=error.message)
        stopping.wait(_TURN_S)


def _try(database: Database, hook: Hook, delivery: Delivery) -> None:
    """One try, and what became of it on record."""
    told = _log.bind(hook=hook.name, message=delivery.id, attempt=delivery.attempts)
    trouble = _sent(hook, delivery, _now)
    if not trouble:
        outbox.settle(database, delivery, None)
        told.info("webhook_delivered")
    elif delivery.attempts > len(_PAUSES_S):
        outbox.settle(database, delivery, None)
        told.error("webhook_given_up", error=trouble)
    else:
        pause = timedelta(seconds=_PAUSES_S[delivery.attempts - 1])
        outbox.settle(database, delivery, _now() + pause)
        told.warning("webhook_not_taken", error=trouble, again_s=pause.total_seconds())


def _sent(hook: Hook, delivery: Delivery, now: Callable[[], datetime]) -> str:
    """Send it; why it was not taken, empty where it was. Neither has the address, which may hold
    what is private."""
    body = body_of(delivery.entry)
    headers = headers_of(hook, delivery.id, int(now().timestamp()), body)
    try:
        status = asyncio.run(_post(hook.url, headers, body))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # a deadline is an OSError, too
        return type(error).__name__
    return "" if 200 <= status < 300 else f"HTTP {status}"


async def _post(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status. A redirect is not followed, and the rest of the answer is not read.

    Raises:
        TimeoutError: no answer in time.
        HTTPError: no answer.
    """
    async with (
        asyncio.timeout(_DEADLINE_S),
        httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=_DEADLINE_S) as client,
        client.stream("POST", url, headers=headers, content=body) as answer,
    ):
        return answer.status_code


def _now() -> datetime:
    return datetime.now(UTC)
