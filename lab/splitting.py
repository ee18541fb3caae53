"""A guest whose /bin, /sbin and /lib are folders of their own, as on Debian 11 and older.

For raw images, on this machine (see ``native``): what dpkg's lists have there is moved back out of
/usr. ``python -m lab.splitting ROOT`` does it to a mounted root.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from lab import native

_NAMES: Final = ("bin", "sbin", "lib", "lib64")
#: the index of the kernel's modules is in no list
_WHOLE: Final = ("lib/modules",)
_RELEASE: Final = """\
PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"
NAME="Debian GNU/Linux"
VERSION_ID="11"
ID=debian
"""


def by_hand(disk: Path) -> None:
    """Leave the guest on the raw image so; it is as sound as before. Raises BuildFailed."""
    native.change(disk, f'{shlex.quote(sys.executable)} -m lab.splitting "$ROOT"')


def _split(root: Path) -> None:
    listed = _listed(root)
    for name in _NAMES:
        (root / name).unlink()
        (root / name).mkdir(mode=0o755)
    for path in _WHOLE:
        (root / "usr" / path).rename(root / path)
    for path in listed:
        source, target = root / "usr" / path, root / path
        if source.is_dir() and not source.is_symlink():
            target.mkdir(exist_ok=True)
            shutil.copystat(source, target)
        elif source.is_symlink() or source.exists():
            source.rename(target)
    for path in reversed(listed):
        if (root / "usr" / path).is_dir() and not any((root / "usr" / path).iterdir()):
            (root / "usr" / path).rmdir()
    release = root / "etc/os-release"
    release.unlink()
    release.write_text(_RELEASE)


def _listed(root: Path) -> list[str]:
    """What the packages have below these names, folders before what is in them."""
    lines = {
        line.removeprefix("/")
        for file in (root / "var/lib/dpkg/info").glob("*.list")
        for line in file.read_text().splitlines()
    }
    return sorted(line for line in lines if line.startswith(tuple(f"{one}/" for one in _NAMES)))


if __name__ == "__main__":
    _split(Path(sys.argv[1]))
