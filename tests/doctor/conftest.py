"""The lab's guests as raw images, and the doctor run on them as its own process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from lab import cache, guest, mending, native, shapes
from lab.layout import History, Layout
from lab.mending import Doctor, Report
from lab.shapes import Shape
from lifebuoy.web.language import Language
from lifebuoy.web.telling import teller

TELL = teller(Language.CHINESE).tell
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "doctor.json"


class CheckedDoctor(Doctor):
    """The doctor, every report of which fits its published schema and can be told in Chinese."""

    def report(self, *arguments: str) -> Report:
        """The report; with --repair what is left afterwards."""
        report = super().report(*arguments)
        Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report.data)
        assert not [text for text in said(report) if TELL(text) == text]
        return report


def said(report: Report) -> Iterator[str]:
    """What owners read of the report."""
    for link in report.data["chain"]:
        for finding in link["findings"]:
            yield from (finding["seen"], finding["why"])
            if finding["repair"]:
                yield finding["repair"]["summary"]


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Layout, History], Path]:
    """Raw images of the lab's guests, made once."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices and mounts")
    folder = tmp_path_factory.mktemp("raw")

    def get(layout: Layout, history: History) -> Path:
        path = folder / f"{layout}-{history}.raw"
        if not path.exists():
            built = guest.get(cache.folder(os.environ), layout, print, history)
            native.raw_copy(built.base, path)
        return path

    return get


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The doctor as the one file that goes into the rescue system."""
    return mending.program(tmp_path_factory.mktemp("program"))


@pytest.fixture
def patient(
    bases: Callable[[Layout, History], Path], program: Path, tmp_path: Path
) -> Callable[..., Doctor]:
    """A copy of a guest, broken in the ways named, and the doctor for it."""

    def get(layout: Layout, *breakages: str, history: History = History.FRESH) -> Doctor:
        disk = native.sparse_copy(bases(layout, history), tmp_path / "disk.raw")
        for name in breakages:
            native.apply(disk, name)
        return CheckedDoctor(program, disk, mending.packages())

    return get


@pytest.fixture
def shape_patient(program: Path, tmp_path: Path) -> Callable[[Shape], Doctor]:
    """A copy of a shape, and the doctor for it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices and mounts")

    def get(shape: Shape) -> Doctor:
        base = shapes.get(cache.folder(os.environ), shape, print)
        disk = native.sparse_copy(base, tmp_path / "disk.raw")
        return CheckedDoctor(program, disk, mending.packages())

    return get
