"""What others do to instances is noticed and noted; what operations did is no news."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.hypervisor import Host, connect
from lifebuoy.operations import asking, observing
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.power import START
from lifebuoy.operations.watching import Watcher
from lifebuoy.store import Database, audit, open_database, schema
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening
from tests.libvirt import playing
from tests.libvirt.command import until

NAME: Final = "vm0"

pytestmark = pytest.mark.usefixtures("play_folder")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    schema.prepare(opened)
    return opened


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    path = playing.play_host(tmp_path, 2)
    with connect(f"test://{path}", state_dir=tmp_path) as opened:
        yield opened


def told(entries: list[Entry]) -> list[tuple[str, str]]:
    return [(entry.name, entry.detail) for entry in entries]


def test_the_first_look_at_a_host_tells_nothing(database: Database, host: Host) -> None:
    assert observing.look(database, host) == [] and observing.look(database, host) == []


def test_what_others_did_is_told_once_and_stays_in_the_audit_log(
    database: Database, host: Host
) -> None:
    observing.look(database, host)
    domain = host.domain(NAME)
    running = [d.name for d in host.domains() if d.active]
    domain.destroy() if NAME in running else domain.start()
    host.define(domain.xml().replace("</memory>", "</memory><description>x</description>", 1))
    other = host.domain("vm1")
    other.destroy()
    other.undefine()
    was, is_ = ("RUNNING", "STOPPED") if NAME in running else ("STOPPED", "RUNNING")
    assert told(observing.look(database, host)) == [
        (NAME, f"it was {was} and is {is_}"),
        (NAME, "its definition was edited"),
        ("vm1", "it is gone"),
    ]
    assert observing.look(database, host) == []
    with database.reading() as connection:
        logged = list(audit.entries(connection))
    assert [entry.event for entry in logged] == [Happening.OBSERVED] * 3
    assert {entry.who for entry in logged} == {observing.SOMEBODY}


def test_what_an_operation_did_is_no_news(database: Database, host: Host, tmp_path: Path) -> None:
    domain = host.domain(NAME)
    domain.destroy()
    observing.look(database, host)
    engine = Engine(database)
    try:
        there = playing.context(host, tmp_path)
        asking.perform(engine, there, START, domain, {"watch_s": 0}, Asker("test"))
    finally:
        engine.close()
    assert observing.look(database, host) == []
    domain.destroy()
    assert told(observing.look(database, host)) == [(NAME, "it was RUNNING and is STOPPED")]


def test_a_watcher_hears_from_libvirt_what_happens(
    database: Database, host: Host, tmp_path: Path
) -> None:
    domain = host.domain(NAME)
    domain.destroy()
    heard: list[Entry] = []
    there = playing.context(host, tmp_path)
    watcher = Watcher(database, lambda: {"it": there}, heard.append)
    watcher.start()
    try:
        assert until(lambda: bool(_seen(database)), 20)
        domain.start()
        assert until(lambda: told(heard) == [(NAME, "it was STOPPED and is RUNNING")], 20)
    finally:
        watcher.stop()


def _seen(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM observed").scalar() or 0)
