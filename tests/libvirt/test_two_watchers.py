"""Several processes that look at one host and share a database tell each change once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from lifebuoy.hypervisor import Host
from lifebuoy.operations import observing
from lifebuoy.store import open_database, schema
from tests.postgres import Server

_LOOKERS: Final = 4
_CHANGES: Final = 12


def test_what_others_did_is_told_once_by_all_who_look_at_the_same_time(
    postgres: Server, test_driver: Host, tmp_path: Path
) -> None:
    url = postgres.create(f"watchers_{time.monotonic_ns()}")
    with ExitStack() as stack:
        # each as another process has it, with connections of its own
        databases = [open_database(url) for _ in range(_LOOKERS)]
        for one in databases:
            stack.callback(one.close)
        schema.prepare(databases[0])
        pool = stack.enter_context(ThreadPoolExecutor(_LOOKERS))
        together = threading.Barrier(_LOOKERS)

        def looked(number: int) -> list[str]:
            together.wait(30)
            found = observing.look(databases[number], test_driver)
            return [entry.detail for entry in found]

        def told() -> list[str]:
            return [words for found in pool.map(looked, range(_LOOKERS)) for words in found]

        assert told() == []  # nothing to compare with
        domain = test_driver.domain("test")
        for _ in range(_CHANGES // 2):
            domain.destroy()
            assert told() == ["it was RUNNING and is STOPPED"]
            domain.start()
            assert told() == ["it was STOPPED and is RUNNING"]
