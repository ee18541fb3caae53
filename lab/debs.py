"""Small Debian packages, made here by dpkg-deb: for what only dpkg itself can do to a guest."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lifebuoy.errors import BuildFailed

TIMEOUT_S: Final = 120


@dataclass(frozen=True, slots=True)
class Deb:
    """A package: its files by absolute path; ``fields`` are further ones of its control file.

    ``conffiles`` are those of the files that dpkg leaves to the owner.
    """

    name: str
    version: str
    files: Mapping[str, bytes]
    conffiles: tuple[str, ...] = ()
    architecture: str = "amd64"
    fields: Mapping[str, str] = field(default_factory=dict)


def build(deb: Deb, folder: Path) -> Path:
    """The package as a file in ``folder``. Raises BuildFailed."""
    path = folder / f"{deb.name}_{deb.version}_{deb.architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="lifebuoy-deb-") as work:
        root = Path(work)
        for name, data in deb.files.items():
            file = root / name.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        _control(root / "DEBIAN", deb)
        root.chmod(0o755)
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", work, str(path)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise BuildFailed(f"dpkg-deb could not make {deb.name}: {said}")
    return path


def _control(folder: Path, deb: Deb) -> None:
    folder.mkdir()
    fields = {
        "Package": deb.name,
        "Version": deb.version,
        "Architecture": deb.architecture,
        "Maintainer": "Lab <lab@localhost>",
        "Description": "a package of the lab",
        **deb.fields,
    }
    (folder / "control").write_text("".join(f"{name}: {text}\n" for name, text in fields.items()))
    sums = {
        name.lstrip("/"): hashlib.md5(data, usedforsecurity=False).hexdigest()
        for name, data in deb.files.items()
        if name not in deb.conffiles
    }
    (folder / "md5sums").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    if deb.conffiles:
        (folder / "conffiles").write_text("".join(f"{name}\n" for name in deb.conffiles))
