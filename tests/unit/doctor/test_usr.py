"""The shape of /usr is told from what is left of a system, and its paths are called after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifebuoy.guest.doctor import usr
from lifebuoy.guest.doctor.tree import Tree
from lifebuoy.guest.doctor.usr import Usr


def tree(root: Path, *paths: str) -> Tree:
    """A root with these folders; NAME>TARGET is a link."""
    for path in paths:
        name, _, target = path.partition(">")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if target:
            (root / name).symlink_to(target)
        else:
            (root / name).mkdir(parents=True)
    return Tree(str(root))


@pytest.mark.parametrize(
    ("paths", "shape"),
    [
        (("usr/bin", "usr/lib", "bin>usr/bin", "sbin>usr/bin", "lib>usr/lib"), Usr.MERGED),
        (("usr/bin", "usr/lib", "bin>usr/bin", "lib"), Usr.MERGED),
        (("usr/bin/sh", "usr/lib"), Usr.MERGED),
        (("usr/bin", "usr/lib", "usr/sbin/init>/lib/systemd/systemd"), Usr.MERGED),
        (("usr/bin", "usr/lib", "bin>usr/bin"), Usr.MERGED),
        (("usr/bin", "usr/lib", "bin", "sbin", "lib"), Usr.SPLIT),
        (("usr/bin", "usr/lib", "lib"), Usr.SPLIT),
        (("usr/bin", "usr/lib"), Usr.SPLIT),
    ],
)
def test_what_is_left_tells_the_shape(paths: tuple[str, ...], shape: Usr, tmp_path: Path) -> None:
    assert usr.shape(tree(tmp_path, *paths)) is shape


@pytest.mark.parametrize(
    ("path", "merged", "other"),
    [
        ("/bin/bash", "/usr/bin/bash", "/usr/bin/bash"),
        ("./bin/bash", "/usr/bin/bash", None),
        ("/usr/bin/env", "/usr/bin/env", "/bin/env"),
        ("/lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2", None),
        ("/etc/passwd", "/etc/passwd", "/etc/passwd"),
        ("/usr/share/doc", "/usr/share/doc", "/usr/share/doc"),
        ("/library", "/library", "/library"),
    ],
)
def test_a_path_is_called_after_the_shape(path: str, merged: str, other: str | None) -> None:
    assert usr.canonical(path) == usr.canonical(merged) == merged
    assert usr.canonical(path, Usr.SPLIT) == "/" + path.removeprefix("./").lstrip("/")
    assert other is None or usr.other(path) == other
