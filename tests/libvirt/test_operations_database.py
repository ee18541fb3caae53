"""The database fails: before, in the middle, for a while or for good. No instance suffers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.operations import asking, history
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.context import Context
from lifebuoy.operations.engine import Engine
from lifebuoy.store import Database, open_database
from tests.boot import machine
from tests.boot.listeners import At
from tests.conftest import Daemon
from tests.libvirt import playing
from tests.libvirt.command import idle_iso, until
from tests.libvirt.killing import OnDaemon
from tests.postgres import Server

NAME: Final = "vm0"

pytestmark = pytest.mark.usefixtures("play_folder")


@dataclass
class Playing:
    """An engine and a play host with one instance."""

    engine: Engine
    context: Context
    folder: Path

    def perform(self, asker: Asker, **more: object) -> playing.Tracing:
        domain = self.context.host.domain(NAME)
        request = playing.asked(self.folder, **more)
        return asking.perform(self.engine, self.context, playing.TRACE, domain, request, asker)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    path = playing.play_host(tmp_path, 1)
    with connect(f"test://{path}", state_dir=tmp_path) as opened:
        yield opened


def engine_on(database: Database, host: Host, folder: Path) -> Playing:
    return Playing(Engine(database, playing.find), playing.context(host, folder), folder)


@pytest.mark.parametrize("step", ["step 1", "step 2", "step 3"])
def test_a_server_that_restarts_in_the_middle_delays_an_operation_and_no_more(
    postgres: Server, host: Host, tmp_path: Path, step: str
) -> None:
    database = open_database(postgres.create(f"restart_{time.monotonic_ns()}"))
    there = engine_on(database, host, tmp_path)
    stopped = threading.Event()

    def stop() -> None:
        postgres.stop()
        stopped.set()

    try:
        with ThreadPoolExecutor(1) as thread:
            listener = At(step=step, act=stop)
            result = thread.submit(there.perform, Asker("test", listener), step_s=0.5)
            assert stopped.wait(30)
            time.sleep(2.0)
            postgres.start()
            assert result.result(60).result() == {"done": [1, 2, 3]}
        assert playing.traces(tmp_path) == ["do 1", "do 2", "do 3"]
        assert until(lambda: _standings(database) == {"done": 1}, 10)
        assert not there.engine.executor.looks_gone(there.engine.executor.id)
    finally:
        there.engine.close()


def test_a_file_that_cannot_be_written_any_more_in_the_middle_stops_nothing(
    host: Host, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    there = engine_on(database, host, tmp_path)
    spoiled = At(step="step 2", act=lambda: _spoil(tmp_path / "operations.sqlite"))
    try:
        assert there.perform(Asker("test", spoiled)).result() == {"done": [1, 2, 3]}
    finally:
        there.engine.close()
    assert playing.traces(tmp_path) == ["do 1", "do 2", "do 3"]


def _spoil(path: Path) -> None:
    """What a broken disk does to it."""
    for file in (path, path.with_name(path.name + "-wal")):
        with file.open("r+b") as opened:
            opened.write(b"\xff" * file.stat().st_size)


def _standings(database: Database) -> Counter[str]:
    return Counter(one.standing for one in history.latest(database, limit=9, instance=None))


# From the command line


@pytest.fixture
def lifebuoy(daemon: Daemon, tmp_path: Path) -> OnDaemon:
    command = OnDaemon(daemon.uri, tmp_path, str(daemon.home / "share"))
    iso = idle_iso(tmp_path / "idle.iso")
    assert command("image", "add", str(iso), "--id", "idle", "--name", "x").status == 0
    return command


@pytest.fixture
def instance(session_host: Host) -> Iterator[Domain]:
    domain = machine.settled(session_host, machine.bare("unrecorded"))
    yield domain
    machine.forget(session_host, domain)


ENTER: Final = ("rescue", "enter", "unrecorded", "--generate-password", "--no-wait")


def _database_of(lifebuoy: OnDaemon) -> Path:
    return lifebuoy.home / "STATE" / "lifebuoy" / "lifebuoy.sqlite"


def test_without_a_usable_database_leaving_works_and_entering_is_refused(
    lifebuoy: OnDaemon, session_host: Host, instance: Domain
) -> None:
    before = machine.facts(instance)
    assert lifebuoy(*ENTER).status == 0
    machine.kill(instance)
    for file in _database_of(lifebuoy).parent.glob("lifebuoy.sqlite*"):
        if file.is_file():
            file.write_bytes(b"no database" * 100)
    assert lifebuoy("rescue", "status", "unrecorded").status == 0
    refused = lifebuoy(*ENTER, "--json").error()
    assert refused["code"] == "database-trouble" and refused["exit_status"] == 6
    left = lifebuoy("rescue", "exit", "unrecorded")
    assert left.status == 0 and "not on record" in left.err
    assert machine.facts(instance) == before and machine.stay_media(session_host) == []


def test_with_the_database_deleted_all_goes_on_with_a_new_one(
    lifebuoy: OnDaemon, session_host: Host, instance: Domain
) -> None:
    before = machine.facts(instance)
    assert lifebuoy(*ENTER).status == 0
    machine.kill(instance)
    for file in _database_of(lifebuoy).parent.glob("lifebuoy.sqlite*"):
        if file.is_file():
            file.unlink()
    assert lifebuoy("rescue", "status", "unrecorded").status == 0
    assert lifebuoy("rescue", "exit", "unrecorded").status == 0
    (found,) = lifebuoy("operations", "list", "--json").json("operation-list")["operations"]
    assert (found["kind"], found["state"]) == ("rescue-exit", "done")
    assert machine.facts(instance) == before and machine.stay_media(session_host) == []


def test_nothing_secret_is_on_record_or_in_the_log(
    lifebuoy: OnDaemon, session_host: Host, instance: Domain
) -> None:
    secrets = ("Quiet-Word-5", "$6$", "vncword1", "echo owner")
    script = lifebuoy.home / "script.sh"
    script.write_text("echo owner's own words\n")
    words = ("-v", "rescue", "enter", "unrecorded", "--password-stdin", "--timeout", "1")
    told = lifebuoy(*words, "--run", str(script), stdin="Quiet-Word-5\n")
    assert told.status != 0 and "run the owner's script" in told.err  # no agent answers there
    told = lifebuoy(*words, stdin="Quiet-Word-5\n")
    assert told.status == 0
    machine.kill(instance)
    lifebuoy("rescue", "exit", "unrecorded")
    files = list(_database_of(lifebuoy).parent.glob("lifebuoy.sqlite*"))
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    shown = (
        told.err + lifebuoy("audit", "--json").out + lifebuoy("operations", "list", "--json").out
    )
    assert b"rescue-enter" in content
    for secret in secrets:
        assert secret.encode() not in content and secret not in shown, secret
