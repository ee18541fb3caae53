"""The doctor at work on a broken guest's raw image, as the one file that the rescue system has.

For tests and benchmarks on this machine: no boot, no rescue system. Needs root.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lifebuoy.guest
from lab import cache
from lifebuoy.image import doctor

TIMEOUT_S = 600


@dataclass(frozen=True)
class Report:
    """What the doctor said about an image: its JSON, and its words for people."""

    data: dict[str, Any]
    words: str

    @property
    def headline(self) -> str | None:
        """The id of the first finding that stops the boot."""
        found: str | None = self.data["headline"]
        return found

    @property
    def mended(self) -> list[str]:
        """The ids of the findings that a repair mended, in their order; one may come twice."""
        return list(self.data["repair"]["mended"])

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


@dataclass(frozen=True)
class Doctor:
    """The doctor over one image: its ``program``, and a folder of Debian packages for it."""

    program: Path
    disk: Path
    packages: Path

    def command(self, *arguments: str) -> list[str]:
        """What is run, for the disk of a virtio guest."""
        words = [str(self.program), "--bus", "virtio_blk", "--packages", str(self.packages)]
        return [*words, *arguments, "--undo-folder", f"{self.disk}.undo", str(self.disk)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command with these arguments, whatever its exit code."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )

    def report(self, *arguments: str) -> Report:
        """The report; with --repair what is left afterwards. Raises ValueError where none came."""
        done = self.run("--json", *arguments)
        if not done.stdout:
            raise ValueError(f"the doctor gave no report: {done.stderr.strip()[-500:]}")
        return Report(json.loads(done.stdout), done.stderr)


def program(folder: Path) -> Path:
    """The doctor as a file in ``folder``, made of the sources as they are."""
    path = folder / "doctor"
    path.write_bytes(doctor.zipapp(Path(lifebuoy.guest.__path__[0]), epoch=0))
    path.chmod(0o755)
    return path


def packages() -> Path:
    """Where packages that the guests need are looked for before they are downloaded."""
    folder = cache.folder(os.environ) / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
