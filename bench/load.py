"""Asks a server over and over, and how long each answer took. No framework in between."""

from __future__ import annotations

import http.client
import math
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Latency:
    """Of many answers: milliseconds; ``rate`` is answers a second, of all who ask together."""

    p50: float
    p99: float
    rate: float
    size: int
    count: int


def ask(
    url: str, paths: Sequence[str], headers: Mapping[str, str], *, seconds: float, clients: int = 1
) -> Latency:
    """Ask for ``paths`` in turn, by so many clients, each on a connection that it keeps.

    Raises:
        AssertionError: an answer is no 200.
    """
    turns = list(paths)
    taken: list[float] = []
    sizes: list[int] = []
    errors: list[BaseException] = []
    end = time.monotonic() + seconds

    def work(first: int) -> None:
        try:
            mine = _asked(url, turns[first:] + turns[:first], headers, end, sizes)
            taken.extend(mine)
        except BaseException as error:  # raised below
            errors.append(error)

    began = time.monotonic()
    threads = [
        threading.Thread(target=work, args=(number * len(paths) // clients,))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return summary(taken, time.monotonic() - began, max(sizes))


def summary(taken: Sequence[float], seconds: float, size: int = 0) -> Latency:
    """What answers that took so many seconds each come to."""
    ordered = sorted(taken)
    return Latency(
        p50=1000 * statistics.median(ordered),
        p99=1000 * ordered[math.ceil(0.99 * len(ordered)) - 1],
        rate=len(ordered) / seconds,
        size=size,
        count=len(ordered),
    )


def _asked(
    url: str, paths: Sequence[str], headers: Mapping[str, str], end: float, sizes: list[int]
) -> list[float]:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    taken: list[float] = []
    while time.monotonic() < end:
        path = paths[len(taken) % len(paths)]
        began = time.perf_counter()
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - began)
        assert answer.status == 200, f"{path}: {answer.status} {body[:200]!r}"
    sizes.append(len(body))
    connection.close()
    return taken
