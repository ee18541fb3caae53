"""An operation that a worker is in the middle of, cancelled by a command in another process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lifebuoy.operations import history
from lifebuoy.store import open_database, schema
from lifebuoy.store.audit import entries
from tests.libvirt import playing
from tests.libvirt.command import Command, until

pytestmark = pytest.mark.usefixtures("play_folder")


@pytest.fixture
def lifebuoy(url: str, tmp_path: Path) -> Command:
    """The command of somebody whose operations are recorded there."""
    config = tmp_path / "CONFIG" / "lifebuoy" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'database = "{url}"\n')
    return Command("", tmp_path)


def test_what_a_worker_is_in_the_middle_of_is_rolled_back_when_somebody_cancels_it(
    url: str, lifebuoy: Command, tmp_path: Path
) -> None:
    playing.play_host(tmp_path, 1)
    database = open_database(url)
    schema.prepare(database)
    long = playing.asked(tmp_path, steps=400, step_s=0.5)
    record = playing.submit(database, tmp_path, "vm0", long)
    words = playing.words("work", url, tmp_path)
    worker = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        assert until(lambda: "do 2" in playing.traces(tmp_path), 60)
        answer = lifebuoy("operations", "cancel", record.id, "--json")
        assert answer.status == 0, answer.err
        told = answer.json("operation")
        assert told["operation"]["state"] == "cancelled"
        traces = playing.traces(tmp_path)
        last = len(traces) // 2
        there_and_back = [f"do {number}" for number in range(1, last + 1)]
        there_and_back += [f"undo {number}" for number in range(last, 0, -1)]
        assert last >= 2 and traces == there_and_back
        assert {step["state"] for step in told["operation"]["steps"]} == {"undone"}
        with database.reading() as connection:
            lines = list(entries(connection))
        assert [line.event for line in lines] == ["asked", "cancel-asked", "ended"]
        assert lines[-1].outcome == "cancelled"
        # the worker has place for the next one, and the instance is free for it
        after = playing.submit(database, tmp_path, "vm0", playing.asked(tmp_path))
        ended = lambda: history.account(database, after.id).record.outcome == "done"  # noqa: E731
        assert until(ended, 60)
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    finally:
        worker.kill()
        worker.communicate()
