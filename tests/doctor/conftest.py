"""The lab's guests as raw images, and the doctor run on them as its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab import cache, guest, native
from lab.layout import Layout

TIMEOUT_S = 300
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "doctor.json"


@dataclass(frozen=True)
class Report:
    """What the doctor said about an image."""

    data: dict[str, Any]
    words: str

    @property
    def headline(self) -> str | None:
        """The id of the first finding that stops the boot."""
        found: str | None = self.data["headline"]
        return found

    def ids(self) -> list[str]:
        """The ids of the findings above 'note', one for each."""
        return sorted(
            finding["id"]
            for link in self.data["chain"]
            for finding in link["findings"]
            if finding["severity"] != "note"
        )

    def seen(self) -> list[str]:
        """Everything found above 'note', and what could not be examined, in words."""
        return [
            finding["seen"]
            for link in self.data["chain"]
            for finding in link["findings"]
            if finding["severity"] != "note"
        ] + [text for link in self.data["chain"] for text in link["unfinished"]]


class Doctor:
    """The doctor over one image."""

    def __init__(self, disk: Path, packages: Path) -> None:
        self.disk, self._packages = disk, packages

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command with these arguments, whatever its exit code."""
        command = [sys.executable, "-m", "lifebuoy.guest.doctor", "--bus", "virtio_blk"]
        command += ["--packages", str(self._packages), *arguments]
        command += ["--undo-folder", f"{self.disk}.undo", str(self.disk)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env=environment,
        )

    def report(self, *arguments: str) -> Report:
        """The report, with --repair what is left afterwards."""
        done = self.run("--json", *arguments)
        assert done.stdout, done.stderr
        data = json.loads(done.stdout)
        Draft202012Validator(json.loads(SCHEMA.read_text())).validate(data)
        return Report(data, done.stderr)


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Layout], Path]:
    """Raw images of the lab's guests, made once."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices and mounts")
    folder = tmp_path_factory.mktemp("raw")

    def get(layout: Layout) -> Path:
        path = folder / f"{layout}.raw"
        if not path.exists():
            native.raw_copy(guest.get(cache.folder(os.environ), layout, print).base, path)
        return path

    return get


@pytest.fixture(scope="session")
def packages() -> Path:
    """Packages that were downloaded before, kept beside the guests that they belong to."""
    folder = cache.folder(os.environ) / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def patient(
    bases: Callable[[Layout], Path], packages: Path, tmp_path: Path
) -> Callable[..., Doctor]:
    """A copy of a guest, broken in the ways named, and the doctor for it."""

    def get(layout: Layout, *breakages: str) -> Doctor:
        disk = native.sparse_copy(bases(layout), tmp_path / "disk.raw")
        for name in breakages:
            native.apply(disk, name)
        return Doctor(disk, packages)

    return get
