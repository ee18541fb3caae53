"""``python -m bench``: all subjects, or those named, each in a process of its own.

A process of its own, as the embedded libvirt keeps its folder until its process ends.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import record

#: A module of this package each; what they measure is in docs/benchmarks.md.
SUBJECTS: Final = (
    "rescue",
    "operations",
    "hosts",
    "backup",
    "doctor",
    "server",
    "watchers",
    "paint",
    "consoles",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, record; a goal that is missed is a result, not an error."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=SUBJECTS, metavar="SUBJECT", help=", ".join(SUBJECTS)
    )
    parser.add_argument("--runs", default="3", metavar="N", help="rounds of rescue (default 3)")
    parser.add_argument("--output", type=Path, default=record.FOLDER, help="for the records")
    options = parser.parse_args(arguments)
    for subject in options.only or SUBJECTS:
        rounds = ["--runs", options.runs] if subject == "rescue" else []
        words = [sys.executable, "-m", f"bench.{subject}", "--output", str(options.output), *rounds]
        status = subprocess.run(words, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
