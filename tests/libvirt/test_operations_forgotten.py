"""What has ended is forgotten after the time that is set; the audit log stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from lifebuoy.hypervisor import connect
from lifebuoy.operations import asking, history
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.retention import Retention
from lifebuoy.store import Database, open_database
from tests.libvirt import playing

pytestmark = pytest.mark.usefixtures("play_folder")


def count(database: Database, table: str) -> int:
    with database.reading() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_what_ended_before_the_days_that_are_kept_is_forgotten_but_for_the_newest(
    tmp_path: Path,
) -> None:
    path = playing.play_host(tmp_path, 4)
    database = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    engine = Engine(database, playing.find, Retention(days=2, newest=2))
    try:
        with connect(f"test://{path}", state_dir=tmp_path) as host:
            there, request = playing.context(host, tmp_path), playing.asked(tmp_path)
            for number in range(4):
                domain = host.domain(f"vm{number}")
                asking.perform(engine, there, playing.TRACE, domain, request, Asker("test"))
        assert not engine.tidy(others=False)
        assert count(database, "operations") == 4
        with database.writing() as connection:
            connection.execute(
                sa.text("UPDATE operations SET finished = '2026-01-01' WHERE name != 'vm2'")
            )
        assert not engine.tidy(others=False)
        found = history.latest(database, limit=9, instance=None)
        assert [record.name for record in found] == ["vm3", "vm2"]
        assert count(database, "workflow_status") == 2
        assert count(database, "operation_steps") == count(database, "operation_outputs") - 2 == 6
        assert count(database, "audit") == 8
    finally:
        engine.close()
