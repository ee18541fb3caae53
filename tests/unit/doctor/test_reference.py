"""The page about the doctor is what the doctor says of itself."""

from __future__ import annotations

from pathlib import Path

from lab.breakage import registry as breakages
from lab.shape.faults import FAULTS
from lifebuoy.doctor.reference import page
from lifebuoy.guest.doctor.checks import registry

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_checks_and_patterns_say() -> None:
    assert (DOCS / "doctor.md").read_text(encoding="utf-8") == page()


def _broken() -> set[str]:
    """The checks for which the lab can break a guest or a shape."""
    guests = {breakage.finding for breakage in breakages().values()}
    return guests | {fault.finding for fault in FAULTS.values()}


def test_every_breakage_of_the_lab_names_a_check_that_exists() -> None:
    assert _broken() <= {check.ID for check in registry()}


def test_every_check_has_a_breakage_or_cannot_have_one() -> None:
    without = {"root-found"}  # nothing is there to break: no root at all
    assert {check.ID for check in registry()} - _broken() == without
