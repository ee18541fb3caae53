"""A disk on which everything waits for a careless rescue system: replay, activation, swap.

Made once by the lab's builder, kept in its cache: an ext4 with a journal and an XFS with a log to
be replayed, swap space, and a volume group.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from lab import builder, cache, root
from lifebuoy.errors import BuildFailed

SIZE_MIB: Final = 512
VOLUME_GROUP: Final = "dirtyvg"
_SCRIPT: Final = """
only_this_disk
modprobe -a ext4 xfs dm_mod
sfdisk --quiet "$DISK" <<EOF
label: gpt
size=32MiB
size=320MiB
size=16MiB, type=S
type=L
EOF
mkfs.ext4 -q -E nodiscard "${DISK}1"
mkfs.xfs -q -K "${DISK}2"
mkswap -L dirty-swap "${DISK}3"
pvcreate -q -q "${DISK}4"
vgcreate -q -q dirtyvg "${DISK}4"
lvcreate -q -q -Zn -Wn -l 100%FREE -n data dirtyvg
vgmknodes -q -q
mkfs.ext4 -q -E nodiscard /dev/mapper/dirtyvg-data
vgchange -q -q -an
for number in 1 2; do
    mkdir -p "$TARGET/$number"
    mount "$DISK$number" "$TARGET/$number"
    mkdir "$TARGET/$number/etc" "$TARGET/$number/usr"
    cp -r /usr/share/bash-completion "$TARGET/$number/usr/"
    echo dirty >"$TARGET/$number/etc/passwd"
    sync -f "$TARGET/$number"
    mv "$TARGET/$number/usr/bash-completion" "$TARGET/$number/usr/moved"
    echo more >>"$TARGET/$number/etc/passwd"
done
xfs_io -x -c 'shutdown -f' "$TARGET/2"
xfs_io -x -c 'shutdown -f' "$TARGET/1"
umount "$TARGET/1" "$TARGET/2"
dumpe2fs -h "${DISK}1" 2>&1 | grep -q needs_recovery
xfs_logprint -t "${DISK}2" 2>&1 | grep -q DIRTY
"""


def get(base: Path, into: Path) -> Path:
    """A raw copy at ``into`` of the disk, which is built into the cache ``base`` where missing."""
    key = cache.key(root.key(), _SCRIPT, str(SIZE_MIB))
    disk = cache.keep(base, "dirty-disk", key, lambda folder: _build(base, folder)) / "disk.qcow2"
    _qemu_img("convert", "-O", "raw", str(disk), str(into))
    return into


def _build(base: Path, folder: Path) -> None:
    disk = folder / "disk.qcow2"
    _qemu_img("create", "-q", "-f", "qcow2", str(disk), f"{SIZE_MIB}M")
    job = builder.Job("dirty disk", disk, _SCRIPT)
    builder.run(root.get(base, print), [job], progress=print)


def _qemu_img(*arguments: str) -> None:
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"qemu-img {arguments[0]}: {done.stderr.strip()}")
