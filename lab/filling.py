"""A guest with as many files as asked for: the missing ones come as installed packages.

For raw images, on this machine (see ``native``). The packages are the lab's own, of small files.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Final

from lab import debs, native
from lab.debs import Deb

_EACH: Final = 1000  # files of a package
_MOST_BYTES: Final = 16 << 10
_COUNT: Final = 'find "$ROOT" -xdev -type f | wc -l'


def up_to(disk: Path, files: int) -> int:
    """Install packages until the root holds so many files; how many it holds then.

    Raises BuildFailed.
    """
    missing = files - int(native.change(disk, _COUNT))
    with tempfile.TemporaryDirectory(prefix="lifebuoy-filling-") as name:
        folder = Path(name)
        for number, first in enumerate(range(0, missing, _EACH)):
            debs.build(_package(number, min(_EACH, missing - first)), folder)
        install = f'dpkg --root="$ROOT" --force-unsafe-io --install {folder}/*.deb >&2'
        return int(native.change(disk, f"{install}\n{_COUNT}" if missing > 0 else _COUNT))


def _package(number: int, files: int) -> Deb:
    chance = random.Random(number)  # the same packages every time
    name = f"lab-filling-{number}"
    content = {
        f"/usr/share/{name}/{at // 50}/{at}": chance.randbytes(chance.randrange(_MOST_BYTES))
        for at in range(files)
    }
    return Deb(name, "1.0", content, architecture="all")
