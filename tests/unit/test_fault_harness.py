"""The fault harness's own judgement: what it would call not survived, and what it counts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from faults import invariants, report
from faults.observation import Facts, Shape
from faults.trial import Trial

STOPPED = Shape("", "", 0, False, {"vda": "aa"}, "v")
ORIGIN = Facts(STOPPED, "<domain/>", True, 0, (), "", ("e/media/a.iso",), (), ())
ENTERED = replace(
    ORIGIN,
    shape=replace(STOPPED, stay="rescue", running="rescue system"),
    machines=1,
    files=(*ORIGIN.files, "e/media/stay-0123456789abcdef-seed.iso"),
)


def broken(now: Facts) -> list[str]:
    return invariants.broken(now, [ORIGIN, ENTERED], ORIGIN)


def test_as_before_and_as_asked_for_are_both_fine() -> None:
    other_session = ("e/media/a.iso", "e/media/stay-fedcba9876543210-seed.iso")
    assert broken(ORIGIN) == broken(ENTERED) == broken(replace(ENTERED, files=other_session)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"definition": "<domain></domain>"}, "the definition is another"),
        ({"autostart": False}, "the autostart flag is another"),
        ({"machines": 1}, "1 QEMU processes instead of 0"),
        ({"programs": ("qemu-img",)}, "still running: qemu-img"),
        ({"forwards": "port 5"}, "forwarded: port 5"),
        ({"unfinished": ("stop",)}, "without an outcome: stop"),
        ({"files": (*ORIGIN.files, "e/media/.x.part")}, "left behind: e/media/.x.part"),
        ({"files": ()}, "missing: e/media/a.iso"),
        ({"files": ENTERED.files}, "left behind: e/media/stay-*-seed.iso"),
    ],
)
def test_everything_that_is_not_as_it_should_be_is_told(change: dict[str, Any], words: str) -> None:
    assert broken(replace(ORIGIN, **change)) == [words]


def test_a_mixture_of_before_and_asked_for_is_neither() -> None:
    half = replace(ORIGIN, shape=replace(ENTERED.shape, running=""))
    assert broken(half)[0].startswith("neither as before nor as asked: stay 'rescue', not ''")


def test_the_table_counts_what_came_and_what_was_survived(tmp_path: Any) -> None:
    trials = [
        Trial("enter", "kill | a", "resumed", 1.0),
        Trial("enter", "kill | b", "resumed", 1.0, broken=("left behind",)),
        Trial("enter", "kill | c", "resumed", 1.0, reached=False),
    ]
    assert report.rows(trials) == [("kill", "enter", "2", "1", "1")]
    report.keep(trials, tmp_path / "kept")
    assert report.kept(tmp_path / "kept") == trials


def test_a_clock_that_jumps_jumps_for_the_product() -> None:
    script = """
from faults import clock
from lifebuoy.operations import context, lock, notebook, workflows
before = context._now()
clock.jump(-7 * 86400.0)
assert 6 < (before - context._now()).days + 1 < 8
assert notebook.now() < before.isoformat()
assert lock.time.time() < before.timestamp() - 6 * 86400
assert lock.time.strftime("%Y-%m-%d", lock.time.gmtime()) < before.strftime("%Y-%m-%d")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
