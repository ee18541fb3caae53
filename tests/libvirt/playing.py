"""Operations on libvirt's play host, for what is about operations and not about machines.

Its kinds leave traces in files, so that what several processes did can be counted. Run as a module
it is one of several processes: ``python -m tests.libvirt.playing ROLE DATABASE FOLDER ...``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from lifebuoy.errors import Busy, HostTrouble, LifebuoyError
from lifebuoy.hypervisor import Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.interruption import sleep
from lifebuoy.operations import asking, kinds
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step
from lifebuoy.operations.serving import Worker
from lifebuoy.store import Database, open_database
from lifebuoy.store.records import Record

_DOMAIN: Final = (
    "<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory>1024</memory>"
    "<os><type>hvm</type></os></domain>"
)


class Tracing:
    """Writes a line at each step done and undone. Asked for ``steps``, ``step_s``, ``fails_at``
    (1 is the first), ``dies_at``, ``onward_at``; each 0 where it is not to happen. ``pause_s`` is
    how long step 2 takes the first time."""

    def __init__(self, work: Work) -> None:
        self._asked = work.request
        self._instance = work.instance
        self.state: JsonObject = {}

    def begin(self) -> None:
        self.state = {"done": []}

    def steps(self) -> list[Step]:
        return [self._step(number) for number in range(1, self._asked["steps"] + 1)]

    def result(self) -> JsonObject:
        return {"done": self.state["done"]}

    def close(self) -> None:
        return

    def _step(self, number: int) -> Step:
        def do() -> str:
            trace(Path(self._asked["folder"]), f"do {number}")
            if number == self._asked.get("dies_at") and once(self._asked["folder"], "died"):
                os._exit(9)
            sleep(self._asked.get("step_s", 0.0))
            if number == 2 and self._asked.get("pause_s") and once(self._asked["folder"], "paused"):
                sleep(self._asked["pause_s"])
            if number == self._asked.get("fails_at"):
                raise HostTrouble("as was asked for")
            self.state["done"].append(number)
            return f"number {number}"

        onward = "No way back." if number == self._asked.get("onward_at") else ""
        undo = lambda: trace(Path(self._asked["folder"]), f"undo {number}")  # noqa: E731
        return Step(f"step {number}", do, undo, onward=onward)


TRACE: Final = Kind("trace", 1, "leave traces", Tracing)


def find(name: str) -> Kind[Any]:
    """Our own kind beside the real ones."""
    return TRACE if name == TRACE.name else kinds.find(name)


def trace(folder: Path, words: str) -> None:
    """Add a line; a short one is written whole or not at all."""
    with (folder / "trace").open("a") as file:
        file.write(words + "\n")


def traces(folder: Path) -> list[str]:
    """All lines, in their order."""
    file = folder / "trace"
    return file.read_text().splitlines() if file.exists() else []


def once(folder: str, mark: str) -> bool:
    """True for the first who asks."""
    try:
        (Path(folder) / mark).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def play_host(folder: Path, instances: int) -> Path:
    """The definition of a play host with so many instances named vm0 on.

    The caller's XDG_DATA_HOME is where its locks go: see the fixture ``play_folder``.
    """
    path = folder / "host.xml"
    nodes = []
    for number in range(instances):
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        file = folder / f"vm{number}.xml"
        file.write_text(_DOMAIN.format(name=f"vm{number}", uuid=uuid))
        nodes.append(f"<domain file='{file}'/>")
    path.write_text(f"<node>{''.join(nodes)}</node>")
    return path


def context(host: Host, folder: Path) -> Context:
    """What operations need."""
    return Context(host, Catalogue(folder / "images"), folder)


def asked(folder: Path, **more: object) -> JsonObject:
    """A request for traces."""
    return {"folder": str(folder), "steps": 3, **more}


def _call(engine: Engine, there: Context, name: str, request: JsonObject) -> str:
    """How asking for traces went, in a word."""
    try:
        asking.perform(engine, there, TRACE, there.host.domain(name), request, Asker("test"))
    except Busy:
        return "busy"
    except LifebuoyError as error:
        return error.code
    return "done"


def words(role: str, url: str, folder: Path) -> list[str]:
    """The command line of a process that plays ``role``."""
    return [sys.executable, "-m", __name__, role, url, str(folder)]


def call(url: str, folder: Path, names: list[str], request: JsonObject) -> None:
    """Ask for an operation on each of the instances, all at once; print how each went."""
    engine = Engine(open_database(url), find)
    with connect(f"test://{folder}/host.xml", state_dir=folder) as host:
        there = context(host, folder)
        trace(folder, "ready")
        while not (folder / "go").exists():
            time.sleep(0.01)
        with ThreadPoolExecutor(len(names)) as threads:
            futures = [threads.submit(_call, engine, there, name, request) for name in names]
            print(json.dumps([future.result() for future in futures]), flush=True)
    engine.close(at_exit=True)


def submit(database: Database, folder: Path, name: str, request: JsonObject) -> Record:
    """Have a worker do it."""
    with connect(f"test://{folder}/host.xml", state_dir=folder) as host:
        there = context(host, folder)
        return asking.submit(database, there, TRACE, host.domain(name), request, "test")


class _One:
    """Serves one host."""

    def __init__(self, there: Context) -> None:
        self._contexts = {daemon_of(there.host): there}

    def contexts(self) -> Mapping[str, Context]:
        return self._contexts


def _set_at_the_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def work(url: str, folder: Path) -> None:
    """Work until standard input ends."""
    engine = Engine(open_database(url), find)
    stop = threading.Event()
    with connect(f"test://{folder}/host.xml", state_dir=folder) as host:
        worker = Worker(engine, _One(context(host, folder)), "worker")
        threading.Thread(target=_set_at_the_end_of_input, args=(stop,), daemon=True).start()
        print("ready", flush=True)
        worker.serve(stop)
    engine.close(at_exit=True)


if __name__ == "__main__":
    role, database, place, *rest = sys.argv[1:]
    if role == "work":
        work(database, Path(place))
    else:
        call(database, Path(place), json.loads(rest[0]), json.loads(rest[1]))
