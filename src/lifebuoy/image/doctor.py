"""The doctor as one file: a zip archive that Python runs. Its bytes depend on its sources alone."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

_START: Final = b"#!/usr/bin/python3 -IS\n"
_OLDEST: Final = 315532800  # 1980: a zip archive knows no earlier time
_MAIN: Final = """import sys

from doctor.cli import main

sys.exit(main())
"""

#: Run by the rescue system's own Python, for which it adds the modules compiled: to compile them
#: takes longer than many an examination. Another Python passes these over and takes the sources.
COMPILE: Final = """import os, py_compile, sys, tempfile, zipfile

path = sys.argv[1]
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
with zipfile.ZipFile(path) as archive:
    members = [(info, archive.read(info)) for info in archive.infolist()]
with open(path, "rb") as program:
    start = program.readline()
with tempfile.TemporaryDirectory(dir="/run") as work, open(path, "wb") as program:
    source, compiled = os.path.join(work, "source.py"), os.path.join(work, "source.pyc")
    program.write(start)
    with zipfile.ZipFile(program, "w") as archive:
        for info, data in members:
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
            if info.filename.endswith(".py"):
                with open(source, "wb") as file:
                    file.write(data)
                py_compile.compile(source, compiled, info.filename, True, -1, unchecked)
                added = zipfile.ZipInfo(info.filename + "c", info.date_time)
                added.external_attr = info.external_attr
                with open(compiled, "rb") as file:
                    archive.writestr(added, file.read(), zipfile.ZIP_DEFLATED)
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
