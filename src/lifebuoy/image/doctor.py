"""The doctor as one file: a zip archive that Python runs. Its bytes depend on its sources alone."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

_START: Final = b"#!/usr/bin/python3 -I\n"
_OLDEST: Final = 315532800  # 1980: a zip archive knows no earlier time
_MAIN: Final = """import sys

from doctor.cli import main

sys.exit(main())
"""


def zipapp(guest: Path, epoch: int) -> bytes:
    """The program, made from the folder ``doctor`` in ``guest``; ``epoch`` dates its members."""
    buffer = BytesIO()
    date = time.gmtime(max(epoch, _OLDEST))[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _members(guest / "doctor"):
            info = zipfile.ZipInfo(name, date)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return _START + buffer.getvalue()


def _members(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN.encode()
    for path in sorted(folder.rglob("*.py")):
        if path != folder / "__main__.py":
            yield f"doctor/{path.relative_to(folder).as_posix()}", path.read_bytes()
