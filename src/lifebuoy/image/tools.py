"""The programs the image is built with, and running them. Not a general process library."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lifebuoy.errors import BuildFailed, MissingTool

#: program -> Debian package that has it
PACKAGE_OF: Final = {
    "cpio": "cpio",
    "depmod": "kmod",
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mformat": "mtools",
    "mmdebstrap": "mmdebstrap",
    "mksquashfs": "squashfs-tools",
    "xorriso": "xorriso",
    "zstd": "zstd",
}


def missing() -> list[str]:
    """The Debian packages of the programs that are not on this machine, sorted, each once."""
    return sorted({pkg for tool, pkg in PACKAGE_OF.items() if find(tool) is None})


def find(tool: str) -> str | None:
    """Full path of ``tool``; /usr/sbin is looked in too (an ordinary user's PATH lacks it)."""
    return shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")


def require_all() -> None:
    """Pass if every program is there.

    Raises:
        MissingTool: naming the packages to install.
    """
    lacking = missing()
    if lacking:
        raise MissingTool(
            "programs that build the rescue image are missing",
            hint=f"apt-get install {' '.join(lacking)}",
        )


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> bytes:
    """Run ``command`` to its end and return its standard output.

    In a session of its own: a Ctrl-C reaches us alone, and is not seen as the program's failure.

    Raises:
        BuildFailed: with the last lines it printed, when it exits with anything but 0.
    """
    words = [str(word) for word in command]
    words[0] = find(words[0]) or words[0]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise BuildFailed(f"{command[0]} failed ({done.returncode}): {tail(done.stderr)}")
    return done.stdout


def tail(output: bytes, lines: int = 5) -> str:
    """The last ``lines`` lines of what a program printed, for an error's text."""
    return " | ".join(output.decode(errors="replace").strip().splitlines()[-lines:])
