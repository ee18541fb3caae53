"""A quick cut of the faults that ``make faults`` tries: a few of a kind, on real QEMU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EMBEDDED = ("--group", "kill", "--group", "instant", "--group", "disturbance")


@pytest.mark.rotate(4)
@pytest.mark.parametrize(
    "words",
    [
        ("--only", "enter, running", "--group", "kill", "--sample", "5", "--seed", "2"),
        ("--only", "backup delete, older", "--group", "kill", "--sample", "4"),
        ("--only", "exit, running before", "--sample", "4", *EMBEDDED),
        ("--only", "start", "--group", "postgresql", "--sample", "2"),
        pytest.param(
            ("--only", "enter, stopped", "--group", "libvirtd", "--group", "ssh", "--sample", "2"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["enter", "merge", "exit", "postgresql", "host"],
)
def test_a_few_faults_of_each_kind_are_survived(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faults", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "NOT TRIED" in done.stderr:
        pytest.skip(done.stderr.strip())
