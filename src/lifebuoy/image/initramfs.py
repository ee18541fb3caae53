"""The rescue system's own initramfs: busybox and the modules that find the CD-ROM.

Kept tiny on purpose: the firmware reads it from an emulated CD, and in software emulation every
megabyte is felt.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from lifebuoy.image import tools


def module_groups(text: str) -> list[list[str]]:
    """Groups of module names from ``initramfs-modules.txt``: a group per line."""
    lines = (line.strip() for line in text.splitlines())
    return [line.split() for line in lines if line and not line.startswith("#")]


def with_dependencies(names: Iterable[str], modules_dep: str) -> list[str]:
    """Paths (relative to the version's folder) of ``names`` and all they need.

    ``modules_dep`` is depmod's table: ``path: path path ...`` (modules.dep(5)). Names that the
    table lacks are built into the kernel, or not made for it, and are left out.
    """
    needs: dict[str, list[str]] = {}
    by_name: dict[str, str] = {}
    for line in modules_dep.splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
        by_name[Path(path).name.split(".")[0].replace("-", "_")] = path
    wanted: dict[str, None] = {}
    for name in names:
        path = by_name.get(name.replace("-", "_"), "")
        for one in [*needs.get(path, []), path]:
            if one:
                wanted[one] = None
    return sorted(wanted)


def make(
    work: Path, *, modules: Path, version: str, busybox: Path, init: Path, groups_text: str
) -> Path:
    """Make ``work/initrd.img`` (zstd) and return its path.

    ``modules`` is the folder lib/modules/VERSION of the rescue root; ``busybox`` a static one.
    ``init`` is the script that runs first; beside it lies ``drives``, which it reads.
    """
    tree = work / "initramfs"
    for folder in ("bin", "dev", "proc", "sys", "cd", "lower", "memory", "new"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(busybox, tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")
    shutil.copy(init, tree / "init")
    shutil.copy(init.with_name("drives"), tree / "drives")
    (tree / "drives").chmod(0o644)
    for program in ("init", "bin/busybox"):
        (tree / program).chmod(0o755)
    groups = module_groups(groups_text)
    (tree / "modules.groups").write_text("".join(" ".join(group) + "\n" for group in groups))
    target = tree / "lib/modules" / version
    names = [name for group in groups for name in group]
    for path in with_dependencies(names, (modules / "modules.dep").read_text()):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / path, target / path)
    for table in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(modules / table, target / table)
    tools.run(["depmod", "-b", tree, version])
    for made in target.glob("modules.*"):  # what busybox modprobe does not read
        if made.name not in {"modules.dep", "modules.alias", "modules.builtin", "modules.symbols"}:
            made.unlink()
    return _pack(tree, work / "initrd.img")


def _pack(tree: Path, target: Path) -> Path:
    for path in [tree, *tree.rglob("*")]:
        _set_time(path)
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    archive = tools.run(
        ["cpio", "-o", "-H", "newc", "--reproducible", "-R", "0:0", "--quiet"],
        cwd=tree,
        stdin="\n".join(names).encode(),
    )
    target.write_bytes(tools.run(["zstd", "-q", "-19", "-c"], stdin=archive))
    return target


def _set_time(path: Path) -> None:
    """Give every file the same time, so that the same inputs make the same bytes."""
    os.utime(path, (0, 0), follow_symlinks=False)
