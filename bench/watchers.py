"""Two hundred who watch one operation by server-sent events: how soon all are told of a step.

``python -m bench.watchers``. The operation is worked on by this process, on the server's database,
as by another worker; the server reads it from there. So the moment at which a step begins and the
moments at which the watchers hear of it are by one clock. Meanwhile somebody lists instances.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from bench import facts, load, record
from bench.served import Server, name_of, play_uri, serving
from lifebuoy.hypervisor import connect
from lifebuoy.image import Catalogue
from lifebuoy.interruption import sleep
from lifebuoy.operations import asking, kinds
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.context import Context
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step
from lifebuoy.store import default_url, open_database

WATCHERS: Final = 200
_INSTANCES: Final = 1000
_STEPS: Final = 11  # as many as entering has
_STEP_S: Final = 1.5
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """``first`` and ``all_told``: milliseconds from the beginning of a step until the first and the
    last watcher know of it; medians and greatest over the steps. The hub looks every 400 ms."""

    watchers: int
    first: float
    all_told: float
    all_told_at_most: float
    spread: float
    processor: float
    memory_before_mib: float
    memory_mib: float
    alone: load.Latency
    beside: load.Latency


@dataclass
class _Told:
    """When steps began, and when watchers heard of it; by ``time.perf_counter``."""

    began: dict[str, float] = field(default_factory=dict)
    heard: dict[str, list[float]] = field(default_factory=dict)


def measure(folder: Path) -> Figures:
    """Start a server and an operation, and watch it."""
    with serving(folder, _INSTANCES) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        listing = ("/api/v1/instances",)
        alone = load.ask(server.url, listing, headers, seconds=5.0)
        told = _Told()
        before = server.memory_mib
        work = threading.Thread(target=_work, args=(folder, told))
        work.start()
        watching = threading.Thread(target=lambda: asyncio.run(_watch(server, told)))
        watching.start()
        _until_all_watch(told)
        beside = load.ask(server.url, listing, headers, seconds=5.0)
        paused, at = server.processor_s, time.monotonic()
        memory = server.memory_mib
        work.join()
        watching.join()
        share = (server.processor_s - paused) / (time.monotonic() - at)
    steps = [step for step in told.began if len(told.heard.get(step, ())) == WATCHERS]
    assert len(steps) >= _STEPS // 2, {step: len(heard) for step, heard in told.heard.items()}
    first = [1000 * (min(told.heard[step]) - told.began[step]) for step in steps]
    last = [1000 * (max(told.heard[step]) - told.began[step]) for step in steps]
    return Figures(
        watchers=WATCHERS,
        first=statistics.median(first),
        all_told=statistics.median(last),
        all_told_at_most=max(last),
        spread=statistics.median(b - a for a, b in zip(first, last, strict=True)),
        processor=share,
        memory_before_mib=before,
        memory_mib=memory,
        alone=alone,
        beside=beside,
    )


def _until_all_watch(told: _Told) -> None:
    deadline = time.monotonic() + _START_S
    while not any(len(heard) >= WATCHERS for heard in list(told.heard.values())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _work(folder: Path, told: _Told) -> None:
    """The operation, in this process."""

    class Slow:
        """Steps that take their time."""

        def __init__(self, work: Work) -> None:
            self.state: JsonObject = {}

        def begin(self) -> None:
            return

        def steps(self) -> list[Step]:
            return [Step(f"step {number}", partial(do, number)) for number in range(_STEPS)]

        def result(self) -> JsonObject:
            return {}

        def close(self) -> None:
            return

    def do(number: int) -> None:
        told.began[f"step {number}"] = time.perf_counter()
        sleep(_STEP_S)

    slow = Kind("slow", 1, "take its time", Slow)

    def find(name: str) -> Kind[Any]:
        return slow if name == slow.name else kinds.find(name)

    engine = Engine(open_database(_database(folder)), find)
    try:
        with connect(play_uri(folder), state_dir=folder) as host:
            there = Context(host, Catalogue(folder / "images"), folder)
            asking.perform(engine, there, slow, host.domain(name_of(0)), {}, Asker("bench"))
    finally:
        engine.close()


def _database(folder: Path) -> str:
    """The server's."""
    return default_url(folder / "STATE" / "lifebuoy")


async def _watch(server: Server, told: _Told) -> None:
    """All watchers, until the operation has ended."""
    id_ = await asyncio.to_thread(_operation, server)
    await asyncio.gather(*(_watcher(server, id_, told) for _ in range(WATCHERS)))


def _operation(server: Server) -> str:
    """Its id, once it has begun."""
    deadline = time.monotonic() + _START_S
    with server.client() as client:
        while True:
            found = client.get("/api/v1/operations").json()["operations"]
            if found:
                return str(found[0]["id"])
            assert time.monotonic() < deadline
            time.sleep(0.05)


async def _watcher(server: Server, id_: str, told: _Told) -> None:
    where = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(
        f"GET /api/v1/operations/{id_}/events HTTP/1.1\r\nHost: {where.netloc}\r\n"
        f"Authorization: Bearer {server.key}\r\n\r\n".encode()
    )
    known: set[str] = set()
    while line := await reader.readline():
        now = time.perf_counter()
        if line.startswith(b"event: end"):
            break
        if line.startswith(b"data: "):
            for step in json.loads(line.removeprefix(b"data: "))["steps"]:
                if step["name"] not in known:
                    known.add(step["name"])
                    told.heard.setdefault(step["name"], []).append(now)
    writer.close()


def show(figures: Figures, console: Console) -> None:
    """Print the figures."""
    table = Table(title=f"{figures.watchers} watchers of one operation")
    table.add_column("what")
    table.add_column("", justify="right")
    for what, value in (
        ("a step begins - the first knows, ms", figures.first),
        ("a step begins - all know, ms", figures.all_told),
        ("the same at most, ms", figures.all_told_at_most),
        ("the first knows - all know, ms", figures.spread),
        ("a processor's time for it", figures.processor),
        ("memory before, MiB", figures.memory_before_mib),
        ("memory with all of them, MiB", figures.memory_mib),
        ("a list alone, p50 / p99 ms", f"{figures.alone.p50:.1f} / {figures.alone.p99:.1f}"),
        ("a list beside them", f"{figures.beside.p50:.1f} / {figures.beside.p99:.1f}"),
        ("beside / alone, p50", figures.beside.p50 / figures.alone.p50),
    ):
        table.add_row(what, value if isinstance(value, str) else f"{value:.2f}")
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and record."""
    output = record.folder_of(arguments, "watchers")
    with tempfile.TemporaryDirectory(prefix="lifebuoy-bench-") as folder:
        figures = measure(Path(folder))
    console = Console(width=110)
    show(figures, console)
    found = facts.look()
    console.print(found.words)
    print(f"record: {record.keep('watchers', asdict(figures) | asdict(found), output)}")


if __name__ == "__main__":
    main()
