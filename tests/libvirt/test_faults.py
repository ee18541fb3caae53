"""A quick cut of the faults that ``make faults`` tries: a few of each kind, on real QEMU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "words",
    [
        ("--only", "enter, running", "--group", "kill", "--sample", "5", "--seed", "2"),
        ("--only", "backup delete, older", "--group", "kill", "--sample", "4"),
        ("--only", "exit, running before", "--sample", "4"),
    ],
    ids=["enter", "merge", "exit"],
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
