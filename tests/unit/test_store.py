"""The database of operations: its tables, who may write what, and how its troubles are told."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError, IntegrityError

from lifebuoy.errors import BadInput, DatabaseNewer, DatabaseTrouble, OperationNotFound
from lifebuoy.store import Database, Outcome, audit, open_database, records, schema
from lifebuoy.store.audit import Entry
from lifebuoy.store.records import Record, Standing, StepRecord
from lifebuoy.store.tables import Happening, metadata
from tests.postgres import Server

_MIGRATIONS: Final = Path(schema.__file__).parent / "migrations"
RECORD: Final = Record(
    id="aaaa1111",
    kind="start",
    version=1,
    host="web",
    daemon="web1 qemu /system",
    instance="00000000-0000-4000-8000-000000000001",
    name="vm",
    who="somebody@somewhere",
    request={"watch_s": 0},
    created="2026-01-31T12:00:00.000Z",
    executor="me",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database."""
    if request.param == "sqlite":
        return open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    server: Server = request.getfixturevalue("postgres")
    return open_database(server.create(f"store_{time.monotonic_ns()}"))


@pytest.fixture
def ready(database: Database) -> Database:
    """One with its tables."""
    schema.prepare(database)
    return database


def insert(database: Database, record: Record) -> None:
    with database.writing() as connection:
        records.insert(connection, record)


def get(database: Database, id_: str = RECORD.id) -> Record:
    with database.reading() as connection:
        return records.get(connection, id_)


# Tables


def test_the_migrations_make_the_tables_that_the_program_knows(ready: Database) -> None:
    schema.prepare(ready)
    with ready.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        ours = [
            difference
            for difference in compare_metadata(context, metadata)
            if "dbos" not in str(difference)
        ]
    assert ours == []


def test_tables_of_an_earlier_version_are_upgraded_and_keep_their_rows(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    insert(database, RECORD)
    schema.prepare(database)
    with database.reading() as connection:
        assert sa.inspect(connection).has_table("observed")
    assert get(database).name == "vm"


def test_the_newest_migration_is_the_version_that_the_program_asks_for() -> None:
    numbers = sorted(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert numbers[-1] == schema.HEAD


def test_tables_of_a_newer_version_are_left_alone(ready: Database) -> None:
    with ready.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewer) as caught:
        schema.prepare(ready)
    assert "9999" in caught.value.message and "rescue exit" in caught.value.hint


# Operations


def test_an_instance_has_one_operation_without_an_end_at_a_time(ready: Database) -> None:
    insert(ready, RECORD)
    with pytest.raises(IntegrityError):
        insert(ready, replace(RECORD, id="bbbb2222"))
    insert(ready, replace(RECORD, id="cccc3333", daemon="web2 qemu /system"))
    with ready.writing() as connection:
        assert records.finish(connection, RECORD.id, time="t", outcome=Outcome.DONE)
        assert not records.finish(connection, RECORD.id, time="t", outcome=Outcome.FAILED)
    insert(ready, replace(RECORD, id="bbbb2222"))
    assert get(ready).outcome is Outcome.DONE


def test_of_those_that_would_take_an_operation_the_first_gets_it(ready: Database) -> None:
    insert(ready, RECORD)
    with ready.writing() as connection:
        assert records.take(connection, RECORD.id, before="me", executor="first")
        assert not records.take(connection, RECORD.id, before="me", executor="second")
    assert (get(ready).executor, get(ready).attempts) == ("first", 2)


def test_what_waits_is_given_away_once_the_oldest_first(ready: Database) -> None:
    for number in range(3):
        waiting = replace(RECORD, id=f"id{number}", instance=str(number), executor="")
        insert(ready, replace(waiting, created=f"2026-01-0{3 - number}T00:00:00.000Z"))
    assert get(ready, "id0").standing is Standing.WAITING
    with ready.writing() as connection:
        taken = records.take_waiting(connection, "me", daemons=[RECORD.daemon], limit=2)
        assert [one.id for one in taken] == ["id2", "id1"]
        assert not records.take_waiting(connection, "other", daemons=["elsewhere"], limit=9)
        rest = records.take_waiting(connection, "other", daemons=[RECORD.daemon], limit=9)
        assert [one.id for one in rest] == ["id0"]
        records.release(connection, "id0", "other")
    assert get(ready, "id0").standing is Standing.LEFT


def test_an_operation_is_found_by_the_beginning_of_its_id(ready: Database) -> None:
    insert(ready, RECORD)
    insert(ready, replace(RECORD, id="aaaa2222", instance="2"))
    assert get(ready, "aaaa1").id == RECORD.id
    for wrong in ("aaaa", "aaa", "zzzz", "%aaaa1"):
        with pytest.raises(OperationNotFound):
            get(ready, wrong)


def test_a_step_is_written_once_and_changed_after(ready: Database) -> None:
    insert(ready, RECORD)
    step = StepRecord("start", "started", "t", None, "")
    with ready.writing() as connection:
        records.note_step(connection, RECORD.id, 0, step)
        records.note_step(connection, RECORD.id, 0, replace(step, state="done", seconds=1.5))
        assert [(s.state, s.seconds) for s in records.steps_of(connection, RECORD.id)] == [
            ("done", 1.5)
        ]


def test_what_cannot_go_back_any_more_cannot_be_cancelled(ready: Database) -> None:
    insert(ready, RECORD)
    with ready.writing() as connection:
        assert records.ask_cancel(connection, RECORD.id, "a")
        assert records.ask_cancel(connection, RECORD.id, "b")
        assert records.watched(connection, RECORD.id) == ("me", "a")
        records.note_onward(connection, RECORD.id, "because")
        assert not records.ask_cancel(connection, RECORD.id, "c")


def test_only_what_has_ended_long_ago_is_forgotten(ready: Database) -> None:
    for number in range(4):
        insert(ready, replace(RECORD, id=f"id{number}", created=f"2026-01-0{number + 1}"))
        if number < 3:
            with ready.writing() as connection:
                time_ = f"2026-01-0{number + 1}"
                records.finish(connection, f"id{number}", time=time_, outcome=Outcome.DONE)
    with ready.writing() as connection:
        assert records.ended_before(connection, "2026-01-09", keep=1, limit=1) == ["id0"]
        ids = records.ended_before(connection, "2026-01-09", keep=1, limit=9)
        assert ids == ["id0", "id1"]
        records.remove(connection, [*ids, "id3"])
    assert get(ready, "id3").outcome is None
    with pytest.raises(OperationNotFound):
        get(ready, "id0")


# The audit log


@pytest.mark.parametrize("change", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"])
def test_a_line_of_the_audit_log_is_neither_changed_nor_removed(
    ready: Database, change: str
) -> None:
    line = Entry("t", "somebody", Happening.ASKED, "start", "web", "u", "vm")
    with ready.writing() as connection:
        audit.add(connection, line)
    with pytest.raises((DatabaseTrouble, DBAPIError)) as caught, ready.writing() as connection:
        connection.exec_driver_sql(change)
    assert "append-only" in str(caught.value)
    with ready.reading() as connection:
        assert list(audit.entries(connection)) == [line]


def test_the_audit_log_is_read_from_a_time_on_and_for_an_instance(ready: Database) -> None:
    with ready.writing() as connection:
        for day, name in ((1, "one"), (2, "two"), (3, "one")):
            time_ = f"2026-01-0{day}T00:00:00.000Z"
            audit.add(connection, Entry(time_, "w", Happening.ENDED, "k", "h", "u", name))
    with ready.reading() as connection:
        found = list(audit.entries(connection, since="2026-01-02T00:00:00", instance="one"))
    assert [entry.time for entry in found] == ["2026-01-03T00:00:00.000Z"]


# Troubles


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "oracle://x"]
)
def test_what_is_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        open_database(url)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    database = open_database("postgresql://user:Secret-9@127.0.0.1:1/none")
    with pytest.raises(DatabaseTrouble) as caught:
        schema.prepare(database)
    told = caught.value.message + caught.value.hint
    assert "Secret-9" not in told and "127.0.0.1" in told
    assert "Secret-9" not in repr(caught.value.__cause__)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"x" * 4096)
    with pytest.raises(DatabaseTrouble, match="not a database"):
        schema.prepare(open_database(f"sqlite:///{tmp_path}/x.sqlite"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseTrouble, match="cannot be made"):
        open_database(f"sqlite:///{tmp_path}/file/x.sqlite")


def test_a_database_that_somebody_holds_is_told_after_a_while(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/x.sqlite?timeout=0.1")
    schema.prepare(database)
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseTrouble, match="locked"):
            insert(database, RECORD)
        assert _all(database) == []  # whoever only reads is not in the way
    insert(database, RECORD)


def _all(database: Database) -> list[Record]:
    with database.reading() as connection:
        return records.latest(connection, limit=9)
