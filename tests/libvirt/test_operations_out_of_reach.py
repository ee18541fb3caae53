"""A database that is held, or away, for longer than is waited: told, and gone on with later."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.hypervisor import Host, connect
from lifebuoy.operations import asking, executor, history
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.operation import Kind
from lifebuoy.operations.runner import Listener, StepState, nobody
from lifebuoy.operations.serving import Worker
from lifebuoy.store import Database, open_database, records
from lifebuoy.store.records import Record
from tests.boot.listeners import At
from tests.libvirt import playing
from tests.libvirt.command import until
from tests.postgres import Server

NAME: Final = "vm0"
PATIENCE_S: Final = 1.0
ALL: Final = ["do 1", "do 2", "do 3"]

pytestmark = pytest.mark.usefixtures("play_folder")


@dataclass
class Hold:
    """Another writer that does not get done; ``begin`` may be called from any thread."""

    file: Path
    _connection: sqlite3.Connection | None = None

    def begin(self) -> None:
        self._connection = sqlite3.connect(
            self.file, isolation_level=None, timeout=30, check_same_thread=False
        )
        self._connection.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        if self._connection is not None:
            self._connection.close()


@dataclass
class There:
    """A play host with one instance, and the databases of those who work on it."""

    host: Host
    folder: Path
    find: Callable[[str], Kind[Any]] = playing.find
    said: list[str] = field(default_factory=list)

    @contextmanager
    def engine(self, database: Database) -> Iterator[Engine]:
        engine = Engine(database, self.find)
        try:
            yield engine
        finally:
            engine.close()

    def perform(self, engine: Engine, listener: Listener = nobody, **more: object) -> object:
        there = playing.context(self.host, self.folder)
        request = playing.asked(self.folder, **more)
        asker = Asker("test", listener, notice=self.said.append)
        kind = self.find(playing.TRACE.name)
        return asking.perform(engine, there, kind, self.host.domain(NAME), request, asker).result()

    def go_on(self, database: Database) -> Record:
        """As ``lifebuoy operations resume`` does in another process."""
        (left,) = self.unfinished(database)
        with self.engine(database) as engine:
            there = playing.context(self.host, self.folder)
            assert asking.go_on(engine, there, left, Asker("test"))
        return history.account(database, left.id).record

    @staticmethod
    def unfinished(database: Database) -> list[Record]:
        with database.reading() as connection:
            return records.unfinished(connection)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    path = playing.play_host(tmp_path, 1)
    with connect(f"test://{path}", state_dir=tmp_path) as opened:
        yield There(opened, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Database:
    return open_database(f"sqlite:///{tmp_path}/operations.sqlite", PATIENCE_S)


@pytest.fixture
def hold(file: Database) -> Iterator[Hold]:
    hold = Hold(file.file)
    yield hold
    hold.end()


@pytest.mark.parametrize("state", [StepState.STARTED, StepState.DONE])
def test_a_file_that_another_process_holds_ends_a_command_and_the_operation_goes_on_later(
    there: There, file: Database, hold: Hold, state: StepState
) -> None:
    with there.engine(file) as engine:
        held = At(step="step 2", state=state, act=hold.begin)
        with pytest.raises(DatabaseTrouble, match="held by another process") as raised:
            there.perform(engine, held)
        assert "on record" in raised.value.safe and "operations resume" in raised.value.hint
        hold.end()
    assert there.go_on(file).outcome == "done"
    assert playing.traces(there.folder) == ["do 1", "do 2", *ALL[1:]]


def test_what_cannot_even_be_written_down_is_not_begun(
    there: There, file: Database, hold: Hold
) -> None:
    with there.engine(file) as engine:
        hold.begin()
        with pytest.raises(DatabaseTrouble) as raised:
            there.perform(engine)
        assert raised.value.safe == "Nothing was changed."
        hold.end()
    assert there.unfinished(file) == [] and playing.traces(there.folder) == []


def test_an_end_that_cannot_be_written_down_is_written_by_whoever_comes_next(
    there: There, file: Database, hold: Hold
) -> None:
    class HeldAtItsEnd(playing.Tracing):
        def close(self) -> None:
            hold.begin()

    ends_so = Kind(playing.TRACE.name, 1, "leave traces", HeldAtItsEnd)
    there.find = lambda name: ends_so
    with there.engine(file) as engine:
        assert there.perform(engine) == {"done": [1, 2, 3]}
        assert "could not be written down" in there.said[-1]
        hold.end()
    there.find = playing.find
    assert there.go_on(file).outcome == "done"
    assert playing.traces(there.folder) == ALL


def test_what_its_engine_takes_for_ended_and_the_record_does_not_is_done_again(
    there: There, file: Database
) -> None:
    """Nothing makes it so today; an operation that nobody can go on with must not be at all."""
    with there.engine(file) as engine, pytest.raises(DatabaseTrouble):
        hold = Hold(file.file)
        there.perform(engine, At(step="step 3", act=hold.begin))
    hold.end()
    with sqlite3.connect(file.file) as connection:
        connection.execute("UPDATE workflow_status SET status = 'ERROR'")
    assert there.go_on(file).outcome == "done"
    assert playing.traces(there.folder)[-3:] == ALL


@pytest.fixture
def server(postgres: Server) -> Iterator[Server]:
    """The server of all tests; it runs again afterwards."""
    yield postgres
    if not postgres.answers:
        postgres.start()


@pytest.mark.parametrize("pause_s", [0.0, pytest.param(600.0, marks=pytest.mark.slow)])
def test_a_server_that_stays_away_ends_a_command_and_the_operation_goes_on_later(
    there: There, server: Server, pause_s: float
) -> None:
    """Also in the middle of a step that takes its time: another process may be given it."""
    database = open_database(server.create(f"away_{time.monotonic_ns()}"), PATIENCE_S)
    with there.engine(database) as engine:
        away = At(step="step 2", act=server.stop)
        with pytest.raises(DatabaseTrouble, match="let go before its end") as raised:
            there.perform(engine, away, pause_s=pause_s)
        assert "on record" in raised.value.safe and "operations resume" in raised.value.hint
        server.start()
    assert there.go_on(database).outcome == "done"
    assert playing.traces(there.folder) == ["do 1", "do 2", *ALL[1:]]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_server_that_answers_nobody_any_more_ends_a_command_and_the_operation_goes_on_later(
    there: There, server: Server
) -> None:
    url = server.create(f"frozen_{time.monotonic_ns()}")
    database = open_database(f"{url}?connect_timeout=2", PATIENCE_S)
    with ExitStack() as stack, there.engine(database) as engine:
        frozen = At(step="step 2", act=lambda: stack.enter_context(server.frozen()))
        with pytest.raises(DatabaseTrouble, match="let go before its end") as raised:
            there.perform(engine, frozen)
        assert "on record" in raised.value.safe
        stack.close()
    found = there.go_on(database)
    assert found.outcome == "done", (found, history.account(database, found.id))
    assert playing.traces(there.folder) == ["do 1", "do 2", *ALL[1:]]


def test_a_statement_is_given_up_where_the_server_answers_nobody_any_more(server: Server) -> None:
    url = server.create(f"silent_{time.monotonic_ns()}")
    database = open_database(f"{url}?connect_timeout=2", PATIENCE_S)
    with (
        pytest.raises(DatabaseTrouble, match="has not answered for"),
        database.reading() as connection,
    ):
        connection.execute(sa.text("SELECT 1"))
        with server.frozen():
            connection.execute(sa.text("SELECT 2"))
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT 3")).scalar_one() == 3


def test_a_statement_that_takes_long_is_waited_for_where_its_server_answers_others(
    server: Server,
) -> None:
    database = open_database(server.create(f"slow_{time.monotonic_ns()}"), PATIENCE_S)
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT 7 FROM pg_sleep(1.5)")).scalar_one() == 7


@pytest.mark.parametrize("table", ["dbos.workflow_status", "operations"])
def test_tables_that_another_session_holds_end_a_command_and_the_operation_goes_on_later(
    there: There, server: Server, table: str
) -> None:
    database = open_database(server.create(f"held_{time.monotonic_ns()}"), PATIENCE_S)
    with database.engine.connect() as other, there.engine(database) as engine:
        lock = sa.text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        held = At(step="step 2", act=lambda: other.execute(lock))
        with pytest.raises(DatabaseTrouble, match="let go before its end") as raised:
            there.perform(engine, held, pause_s=600.0 if table == "operations" else 0.0)
        assert "on record" in raised.value.safe
        other.rollback()
    assert there.go_on(database).outcome == "done"
    assert playing.traces(there.folder) == ["do 1", "do 2", *ALL[1:]]


def test_a_server_misses_a_machine_that_is_gone_after_whoever_lives_has_let_go(
    server: Server,
) -> None:
    database = open_database(server.create(f"missed_{time.monotonic_ns()}"))
    own = executor.new(database)
    names = ("idle", "interval", "count")
    try:
        with database.reading() as connection:
            shown = sa.text("SELECT current_setting('tcp_keepalives_' || :name)::int")
            idle, interval, times = (
                connection.execute(shown, {"name": name}).scalar_one() for name in names
            )
    finally:
        own.close()
    assert 1.5 * database.patience_s < idle + interval * times < 180


def test_a_worker_says_that_the_server_is_away_and_goes_on_when_it_is_back(
    there: There, server: Server
) -> None:
    database = open_database(server.create(f"worker_{time.monotonic_ns()}"), PATIENCE_S)
    said: list[str] = []
    told: list[str] = []
    contexts = {daemon_of(there.host): playing.context(there.host, there.folder)}

    class Hosts:
        def contexts(self) -> dict[str, Any]:
            return contexts

    stop = threading.Event()
    away = At(step="step 2", act=server.stop)
    with there.engine(database) as engine:
        worker = Worker(engine, Hosts(), "worker", listener=lambda record: away)
        worker.notice = said.append
        worker.told = lambda served: told.append(served.event)
        thread = threading.Thread(target=worker.serve, args=(stop,))
        thread.start()
        try:
            request = playing.asked(there.folder)
            record = playing.submit(database, there.folder, NAME, request)
            assert until(lambda: "let go" in told and bool(said), 60), (told, said)
            assert "it is tried again" in said[0]
            server.start()
            ended = lambda: history.account(database, record.id).record.outcome == "done"  # noqa: E731
            assert until(ended, 60), (told, said)
            assert until(lambda: "can be used again" in said[-1], 10), said
        finally:
            stop.set()
            thread.join(60)
    assert not thread.is_alive()
    assert playing.traces(there.folder) == ["do 1", "do 2", *ALL[1:]]
