"""What an operation does about one that a dead process left, also one of another version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.errors import Busy, NotAllowed
from lifebuoy.hypervisor import Host, connect
from lifebuoy.model import StopMode
from lifebuoy.operations import asking, history
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.operation import Kind
from lifebuoy.operations.power import STOP, StopRequest, packed
from lifebuoy.store import Database, audit, open_database, records
from lifebuoy.store.records import Record
from lifebuoy.store.tables import Happening
from tests.libvirt import playing
from tests.libvirt.playing import TRACE, Tracing

pytestmark = pytest.mark.usefixtures("play_folder")

NAME: Final = "vm0"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = Engine(open_database(f"sqlite:///{tmp_path}/operations.sqlite"), playing.find)
    yield opened
    opened.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with connect(f"test://{playing.play_host(tmp_path, 1)}", state_dir=tmp_path) as opened:
        yield opened


def left(engine: Engine, host: Host, folder: Path, **more: object) -> Record:
    """An operation that a process wrote down, and was killed before it could begin."""
    request = playing.asked(folder)
    there = playing.context(host, folder)
    domain = host.domain(NAME)
    record = asking.new_record(there, TRACE, domain, request, "dead", executor="gone-1-abc")
    changed = replace(record, **more)  # type: ignore[arg-type]
    with engine.database.writing() as connection:
        records.insert(connection, changed)
    return changed


def ask(engine: Engine, host: Host, folder: Path, kind: Kind[Tracing]) -> list[str]:
    """Ask for traces of our own; what was said of what was found."""
    said: list[str] = []
    there = playing.context(host, folder)
    request = playing.asked(folder, steps=1)
    asker = Asker("me", notice=said.append)
    asking.perform(engine, there, kind, host.domain(NAME), request, asker)
    return said


def outcomes(database: Database) -> list[str]:
    found = history.latest(database, limit=9, instance=None)
    return [one.standing for one in reversed(found)]


def test_what_was_left_is_finished_before_something_else(
    engine: Engine, host: Host, tmp_path: Path
) -> None:
    left(engine, host, tmp_path)
    (said,) = ask(engine, host, tmp_path, TRACE)
    assert "finished first" in said
    assert playing.traces(tmp_path) == ["do 1", "do 2", "do 3", "do 1"]
    assert outcomes(engine.database) == ["done", "done"]
    with engine.database.reading() as connection:
        events = [(one.event, one.who) for one in audit.entries(connection)]
    assert (Happening.ADOPTED, "me") in events


def test_what_the_new_one_makes_up_for_is_closed(
    engine: Engine, host: Host, tmp_path: Path
) -> None:
    left(engine, host, tmp_path)
    assert ask(engine, host, tmp_path, replace(TRACE, replaces=frozenset({"trace"}))) == []
    assert playing.traces(tmp_path) == ["do 1"]
    assert outcomes(engine.database) == ["closed", "done"]


def test_what_the_new_one_undoes_is_rolled_back_first(
    engine: Engine, host: Host, tmp_path: Path
) -> None:
    left(engine, host, tmp_path)
    (said,) = ask(engine, host, tmp_path, replace(TRACE, undoes=frozenset({"trace"})))
    assert "rolled back first" in said
    assert outcomes(engine.database) == ["cancelled", "done"]


@pytest.mark.parametrize("more", [{"version": 99}, {"kind": "of-tomorrow"}])
def test_what_another_version_of_lifebuoy_left_is_closed_and_told(
    engine: Engine, host: Host, tmp_path: Path, more: dict[str, object]
) -> None:
    found = left(engine, host, tmp_path, **more)
    (said,) = ask(engine, host, tmp_path, TRACE)
    assert "version of Lifebuoy" in said
    assert playing.traces(tmp_path) == ["do 1"]
    assert outcomes(engine.database) == ["closed", "done"]
    error = history.account(engine.database, found.id).record.error
    assert error is not None and error["code"] == "unknown-operation"


def test_what_waits_for_a_worker_is_not_taken_away_from_it(
    engine: Engine, host: Host, tmp_path: Path
) -> None:
    left(engine, host, tmp_path, executor="")
    with pytest.raises(Busy, match="waits for a worker"):
        ask(engine, host, tmp_path, TRACE)


def test_what_can_no_longer_be_done_ends_with_the_reason(
    engine: Engine, host: Host, tmp_path: Path
) -> None:
    domain = host.domain(NAME)
    domain.destroy()
    request = packed(StopRequest(NAME, StopMode.HARD, consent=True))
    left(engine, host, tmp_path, kind="stop", request=request)
    there = playing.context(host, tmp_path)
    with pytest.raises(NotAllowed):
        asking.perform(engine, there, STOP, domain, request, Asker("me"))
    assert outcomes(engine.database) == ["failed"]
