"""Many callers at once, in several processes: one winner on each instance, nobody waits forever."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.operations import history
from lifebuoy.store import Database, open_database, schema
from tests.libvirt import playing
from tests.libvirt.command import until

_DEADLINE_S: Final = 120.0

pytestmark = pytest.mark.usefixtures("play_folder")


def rarely(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


def together(
    url: str, folder: Path, callers: list[list[str]], request: dict[str, object]
) -> list[str]:
    """How it went for each caller; ``callers`` are the instances that each process asks for."""
    processes = [
        subprocess.Popen(
            [*playing.words("call", url, folder), json.dumps(names), json.dumps(request)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for names in callers
    ]
    try:
        assert until(lambda: playing.traces(folder).count("ready") == len(callers), 60)
        (folder / "go").touch()
        answers: list[str] = []
        for process in processes:
            out, _ = process.communicate(timeout=_DEADLINE_S)
            assert process.returncode == 0
            answers += json.loads(out)
        return answers
    finally:
        for process in processes:
            process.kill()


def recorded(database: Database) -> Counter[str]:
    return Counter(one.standing for one in history.latest(database, limit=1000, instance=None))


@pytest.mark.parametrize(("processes", "each"), [rarely(2, 1), rarely(5, 2), (5, 10)])
def test_of_many_on_one_instance_exactly_one_wins(
    url: str, tmp_path: Path, processes: int, each: int
) -> None:
    playing.play_host(tmp_path, 1)
    request = playing.asked(tmp_path, steps=1, step_s=2.5)
    answers = together(url, tmp_path, [["vm0"] * each] * processes, request)
    assert Counter(answers) == {"done": 1, "busy": processes * each - 1}
    assert playing.traces(tmp_path).count("do 1") == 1
    assert recorded(open_database(url)) == {"done": 1}


def test_fifty_on_fifty_instances_all_get_what_they_asked_for(url: str, tmp_path: Path) -> None:
    playing.play_host(tmp_path, 50)
    names = [f"vm{number}" for number in range(50)]
    callers = [names[first::5] for first in range(5)]
    assert Counter(together(url, tmp_path, callers, playing.asked(tmp_path))) == {"done": 50}
    counted = Counter(playing.traces(tmp_path))
    assert [counted[f"do {number}"] for number in (1, 2, 3)] == [50, 50, 50]
    assert recorded(open_database(url)) == {"done": 50}


@pytest.mark.parametrize("dies_at", [rarely(1), 3])
def test_what_a_dead_worker_left_is_gone_on_with_by_another_at_that_step(
    url: str, tmp_path: Path, dies_at: int
) -> None:
    playing.play_host(tmp_path, 1)
    database = open_database(url)
    schema.prepare(database)
    playing.submit(database, tmp_path, "vm0", playing.asked(tmp_path, dies_at=dies_at))
    words = playing.words("work", url, tmp_path)
    workers = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    try:
        assert until(lambda: recorded(database) == {"done": 1}, 60), recorded(database)
        codes = [worker.poll() for worker in workers]
        assert sorted(codes, key=str) == [9, None]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    wanted = [f"do {number}" for number in (1, 2, 3)]
    wanted.insert(dies_at, f"do {dies_at}")
    assert playing.traces(tmp_path) == wanted


def test_fifty_that_wait_are_shared_by_two_workers_and_each_is_done_once(
    url: str, tmp_path: Path
) -> None:
    playing.play_host(tmp_path, 50)
    database = open_database(url)
    schema.prepare(database)
    for number in range(50):
        playing.submit(database, tmp_path, f"vm{number}", playing.asked(tmp_path))
    words = playing.words("work", url, tmp_path)
    workers = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    try:
        assert until(lambda: recorded(database) == {"done": 50}, 90), recorded(database)
        for worker in workers:
            worker.communicate(timeout=20)  # its standard input ends, and so does it
            assert worker.returncode == 0
    finally:
        for worker in workers:
            worker.kill()
    counted = Counter(playing.traces(tmp_path))
    assert [counted[f"do {number}"] for number in (1, 2, 3)] == [50, 50, 50]
