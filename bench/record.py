"""Where figures are kept: a file of JSON a run, below the folder that ``--output`` names."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path("bench-output")


def folder_of(arguments: list[str] | None, subject: str) -> Path:
    """What the command line of a subject says: where its record goes."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{subject}")
    parser.add_argument("--output", type=Path, default=FOLDER, help="for the record")
    found = parser.parse_args(arguments).output
    assert isinstance(found, Path)
    return found


def keep(subject: str, figures: Any, folder: Path) -> Path:
    """Write ``figures`` as JSON, named by the subject and the time; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return path
