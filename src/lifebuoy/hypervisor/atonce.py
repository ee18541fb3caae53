"""Several calls to one host at the same time, in threads that never hold up the end of a process.

Not concurrent.futures: that waits for its threads when the process ends, and a thread that waits
for a host that hangs would keep the process for as long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from lifebuoy.interruption import BackgroundThread

S = TypeVar("S")
T = TypeVar("T")


def each(call: Callable[[S], T], items: Sequence[S], threads: int) -> list[T]:
    """``call`` of each of ``items``, in their order; the first that is raised is raised here."""
    if min(threads, len(items)) < 2:
        return [call(item) for item in items]
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    left = iter(enumerate(items))
    turn = threading.Lock()

    def work() -> None:
        while not errors:
            with turn:
                index, item = next(left, (-1, None))
            if item is None:
                return
            try:
                results[index] = call(item)
            except BaseException as error:  # raised by whoever waits
                errors.append(error)

    running = [BackgroundThread(work, name="at-once") for _ in range(min(threads, len(items)))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(items))]
