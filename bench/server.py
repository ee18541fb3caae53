"""Lists and details of a server with 1,000 and 10,000 instances: how long, how many a second.

``python -m bench.server``. The server is a process of its own on the same processors as whoever
asks, which a second machine would not weigh on. libvirt's test driver plays the host and lives in
the server's process: so its definitions count as the server's memory, and what is asked of it does
not cross a socket.

Beside each figure stands its ratio to an answer of the same server that says nothing
(``/healthz``): what is left of it on a machine with other work.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.table import Table

from bench import facts, load, record
from bench.served import PASSWORD, Server, serving, uuid_of

INSTANCES: Final = (1_000, 10_000)
CLIENTS: Final = (1, 8)
_SECONDS: Final = 6.0
_DETAILS: Final = 150
_API: Final = "/api/v1/instances"

#: Milliseconds within which 99 of 100 answers come, of one who asks a server of 1,000 instances.
GOALS: Final = {"list, a page of 100": 50.0, "details": 20.0}
_EMPTY: Final = "an answer that says nothing"


@dataclass(frozen=True, slots=True)
class Figure:
    """One kind of request by so many clients at once. ``ratio`` is of medians, to the answer that
    says nothing; ``processor_ms`` is what one answer costs the server."""

    what: str
    clients: int
    found: load.Latency
    processor_ms: float
    ratio: float
    goal: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a server with so many instances. ``memory_mib`` is once all was asked for."""

    instances: int
    memory_mib: float
    figures: tuple[Figure, ...]


def measure(folder: Path, instances: int) -> Figures:
    """Start a server and ask it for everything."""
    with serving(folder, instances) as server:
        key = {"Authorization": f"Bearer {server.key}"}
        cookie = _signed_in(server)
        step = max(1, instances // _DETAILS)
        details = [f"{_API}/-/{uuid_of(number)}" for number in range(0, instances, step)]
        asked: list[tuple[str, list[str], dict[str, str]]] = [
            (_EMPTY, ["/healthz"], {}),
            ("list, a page of 100", [_API], key),
            ("list, 500 by memory", [f"{_API}?sort=-memory_mib&limit=500"], key),
            ("list, by a part of the name", [f"{_API}?q=99"], key),
            ("details", details, key),
            ("the page of the list", ["/instances"], cookie),
            ("the page of an instance", [one.removeprefix("/api/v1") for one in details], cookie),
        ]
        found: list[Figure] = []
        for clients in CLIENTS:
            floor = 0.0
            for what, paths, headers in asked:
                before = server.processor_s
                one = load.ask(server.url, paths, headers, seconds=_SECONDS, clients=clients)
                spent_ms = 1000 * (server.processor_s - before) / one.count
                floor = floor or one.p50
                goal = GOALS.get(what) if (instances, clients) == (1_000, 1) else None
                found.append(Figure(what, clients, one, spent_ms, one.p50 / floor, goal))
        with _acting(server) as acted:
            one = load.ask(server.url, [_API], key, seconds=_SECONDS)
        what = f"the same list beside {acted[0] / _SECONDS:.0f} operations a second"
        found.append(Figure(what, 1, one, 0.0, one.p50 / found[0].found.p50, None))
        return Figures(instances, server.memory_mib, tuple(found))


@contextmanager
def _acting(server: Server) -> Iterator[list[int]]:
    """Somebody stops and starts an instance all the time; how often is in the list afterwards."""
    done, stopping = [0], threading.Event()
    path = f"{_API}/-/{uuid_of(0)}"

    def work() -> None:
        with server.client() as client:
            while not stopping.is_set():
                action = "start" if done[0] % 2 else "stop"
                made = client.post(f"{path}/{action}", json={}).json()["id"]
                while not client.get(f"/api/v1/operations/{made}").json()["finished"]:
                    time.sleep(0.02)
                done[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stopping.set()
        thread.join()


def _signed_in(server: Server) -> dict[str, str]:
    """What a browser sends once the admin has signed in."""
    with httpx.Client(base_url=server.url) as client:
        client.post("/login", data={"name": "admin", "password": PASSWORD})
        assert client.cookies
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


def show(figures: Figures, console: Console) -> None:
    """Print the figures beside their goals."""
    title = f"{figures.instances} instances, {figures.memory_mib:.0f} MiB (times in ms)"
    table = Table(title=title)
    for name in ("what", "at once", "p50", "p99", "goal", "a second", "processor", "ratio", "kB"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for one in figures.figures:
        met = (
            ""
            if one.goal is None
            else f"{one.goal:g} " + ("met" if one.found.p99 < one.goal else "MISSED")
        )
        table.add_row(
            one.what,
            str(one.clients),
            f"{one.found.p50:.1f}",
            f"{one.found.p99:.1f}",
            met,
            f"{one.found.rate:.0f}",
            f"{one.processor_ms:.1f}",
            f"{one.ratio:.1f}",
            f"{one.found.size / 1000:.1f}",
        )
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and record."""
    output = record.folder_of(arguments, "server")
    console = Console(width=110)
    found = []
    for instances in INSTANCES:
        with tempfile.TemporaryDirectory(prefix="lifebuoy-bench-") as folder:
            found.append(measure(Path(folder), instances))
        show(found[-1], console)
    machine = facts.look()
    console.print(machine.words)
    figures = {"servers": [asdict(one) for one in found], **asdict(machine)}
    print(f"record: {record.keep('server', figures, output)}")


if __name__ == "__main__":
    main()
