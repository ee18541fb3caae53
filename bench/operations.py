"""What it costs to have an operation on record, and how many a second workers get done.

``python -m bench.operations``. The instances are those of libvirt's test driver, which starts and
stops one in no time: what is measured is Lifebuoy, DBOS and the database. The same operation is
also run bare, not on record, in the same process; the difference is the overhead.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import record
from lifebuoy.hypervisor import Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.operations import asking, kinds, power
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step, run
from lifebuoy.operations.serving import Worker
from lifebuoy.store import Database, open_database, records, schema
from tests import postgres

_STEPS: Final = 11  # as many as entering has
_ROUNDS: Final = 30
_INSTANCES: Final = 240
_WORKERS: Final = (1, 2, 4)
_PARALLEL: Final = 8
_DEADLINE_S: Final = 300.0
_GOAL_OVERHEAD_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Overhead:
    """Median seconds of one operation, bare and on record."""

    database: str
    what: str
    bare: float
    durable: float

    @property
    def cost(self) -> float:
        """What the record costs."""
        return self.durable - self.bare


@dataclass(frozen=True, slots=True)
class Throughput:
    """Operations a second by so many worker processes on PostgreSQL."""

    workers: int
    per_second: float


class _Idle:
    """An operation of many steps that do nothing."""

    def __init__(self, work: Work) -> None:
        self.state: JsonObject = {}

    def begin(self) -> None:
        self.state = {"done": 0}

    def steps(self) -> list[Step]:
        return [Step(f"step {number}", self._do) for number in range(_STEPS)]

    def result(self) -> JsonObject:
        return {}

    def close(self) -> None:
        return

    def _do(self) -> None:
        self.state["done"] += 1


_IDLE: Final = Kind("idle", 1, "do nothing", _Idle)


def _find(name: str) -> Kind[Any]:
    return _IDLE if name == _IDLE.name else kinds.find(name)


def overhead(url: str, label: str, folder: Path) -> list[Overhead]:
    """Bare and on record, in turn, so that what else the machine does weighs on both."""
    database = open_database(url)
    engine = Engine(database, _find)
    asker = Asker("bench")
    try:
        with connect(f"test://{_host(folder, 1)}", state_dir=folder) as host:
            there = _context(host, folder)
            domain = host.domain("vm0")

            def bare_idle() -> None:
                idle = _Idle(Work(there, domain.uuid, {}))
                idle.begin()
                run(idle.steps())

            def durable_idle() -> None:
                asking.perform(engine, there, _IDLE, domain, {}, asker)

            def bare_power() -> None:
                power.start(there, "vm0")
                domain.destroy()

            def durable_power() -> None:
                asking.perform(engine, there, power.START, domain, {"watch_s": 0}, asker)
                domain.destroy()

            domain.destroy()
            return [
                Overhead(label, f"{_STEPS} steps", *_in_turn(bare_idle, durable_idle)),
                Overhead(label, "start, one step", *_in_turn(bare_power, durable_power)),
            ]
    finally:
        engine.close()


def throughput(url: str, workers: int, folder: Path) -> Throughput:
    """Have so many processes start every instance of a host; a record each."""
    path = _host(folder, _INSTANCES)
    database = open_database(url)
    schema.prepare(database)
    words = [sys.executable, "-m", "bench.operations", "--work", url, str(folder)]
    processes = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        with connect(f"test://{path}", state_dir=folder) as host:
            there = _context(host, folder)
            for domain in host.domains():
                asking.submit(database, there, power.START, domain, {"watch_s": 0}, "bench")
        began = time.monotonic()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        _until_all_done(database)
        return Throughput(workers, _INSTANCES / (time.monotonic() - began))
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def work(url: str, folder: Path) -> None:
    """One of the worker processes: waits for a line on standard input, works until its end."""
    engine = Engine(open_database(url))
    with connect(f"test://{folder}/host.xml", state_dir=folder) as host:
        for domain in host.domains():
            domain.destroy()  # the test driver begins with all of them running
        there = _context(host, folder)
        worker = Worker(engine, _One({daemon_of(host): there}), "bench", _PARALLEL)
        print("ready", flush=True)
        sys.stdin.readline()
        worker.serve(threading.Event())


@dataclass(frozen=True, slots=True)
class _One:
    there: Mapping[str, Context]

    def contexts(self) -> Mapping[str, Context]:
        return self.there


def show(costs: list[Overhead], rates: list[Throughput], console: Console) -> None:
    """Print the figures beside the goal."""
    table = Table(title="an operation on record (milliseconds, medians)")
    for title in ("database", "operation", "bare", "on record", "overhead", "goal"):
        table.add_column(title, justify="left" if title in {"database", "operation"} else "right")
    for one in costs:
        met = "met" if one.cost < _GOAL_OVERHEAD_S else "MISSED"
        times = [f"{1000 * seconds:.1f}" for seconds in (one.bare, one.durable, one.cost)]
        table.add_row(one.database, one.what, *times, f"{1000 * _GOAL_OVERHEAD_S:.0f} {met}")
    console.print(table)
    table = Table(title="operations a second, PostgreSQL")
    table.add_column("workers", justify="right")
    table.add_column("a second", justify="right")
    for rate in rates:
        table.add_row(str(rate.workers), f"{rate.per_second:.0f}")
    console.print(table)


def measure() -> tuple[list[Overhead], list[Throughput]]:
    """All figures, on databases of our own."""
    programs = postgres.find()
    assert programs is not None, "PostgreSQL is not on this machine: package postgresql"
    with tempfile.TemporaryDirectory(prefix="lifebuoy-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        os.environ["XDG_DATA_HOME"] = str(folder)  # the test driver's locks go there
        costs = overhead(f"sqlite:///{folder}/operations.sqlite", "SQLite", folder)
        with postgres.serving(folder / "server", programs) as server:
            costs += overhead(server.create("overhead"), "PostgreSQL", folder)
            rates = [throughput(server.create(f"rate{n}"), n, folder) for n in _WORKERS]
    return costs, rates


def _in_turn(*subjects: Callable[[], None]) -> list[float]:
    """The median seconds of each, run in turn; the first round is not counted."""
    taken: list[list[float]] = [[] for _ in subjects]
    for _ in range(_ROUNDS + 1):
        for seconds, subject in zip(taken, subjects, strict=True):
            began = time.perf_counter()
            subject()
            seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds[1:]) for seconds in taken]


def _until_all_done(database: Database) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        with database.reading() as connection:
            if not records.unfinished(connection):
                return
        time.sleep(0.02)
    raise TimeoutError("the workers did not get done")


def _context(host: Host, folder: Path) -> Context:
    return Context(host, Catalogue(folder / "images"), folder)


def _host(folder: Path, instances: int) -> Path:
    """A host of the test driver with so many instances, vm0 on."""
    path = folder / "host.xml"
    nodes = []
    for number in range(instances):
        file = folder / f"vm{number}.xml"
        file.write_text(
            f"<domain type='test'><name>vm{number}</name><uuid>{uuid.uuid4()}</uuid>"
            "<memory>1024</memory><os><type>hvm</type></os></domain>"
        )
        nodes.append(f"<domain file='{file}'/>")
    path.write_text(f"<node>{''.join(nodes)}</node>")
    return path


def main() -> None:
    """Measure, print and record."""
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], Path(sys.argv[3]))
        return
    output = record.folder_of(None, "operations")
    costs, rates = measure()
    show(costs, rates, Console())
    figures = {"overhead": [asdict(c) for c in costs], "rates": [asdict(r) for r in rates]}
    print(f"record: {record.keep('operations', figures, output)}")


if __name__ == "__main__":
    main()
