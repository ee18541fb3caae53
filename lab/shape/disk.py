"""Partitions and file systems of a shape, made in files; XFS is filled through a loop device."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.shape.files import Files
from lab.shape.parts import Parts, run

FIRST_MIB = 1
_FILLED = 'mount -t "$1" -o "$2" "$3" "$4"; cp -a "$5/." "$4"; umount "$4"'
_EXTLINUX = 'mount -t ext4 -o loop "$1" "$2"; "$3" --install "$2" >/dev/null 2>&1; umount "$2"'


@dataclass(frozen=True, slots=True)
class Part:
    """A partition: ``type`` as sfdisk has it, ``kind`` of its file system, empty for none."""

    mib: int
    type: str
    kind: str = ""
    uuid: str = ""
    files: Files | None = None
    active: bool = False


def make(disk: Path, label: str, parts: Sequence[Part], tools: Parts) -> None:
    """A sparse raw image with these partitions, one behind the other."""
    size = FIRST_MIB + sum(part.mib for part in parts) + 1
    with disk.open("wb") as file:
        file.truncate(size << 20)
    lines, start = [f"label: {label}"], FIRST_MIB
    for part in parts:
        active = ", bootable" if part.active else ""
        lines.append(f"start={start}MiB, size={part.mib}MiB, type={part.type}{active}")
        start += part.mib
    _partition(disk, lines)
    start = FIRST_MIB
    for part in parts:
        if part.kind:
            image = disk.with_suffix(f".{start}")
            _fill(image, part, tools)
            _into(disk, image, start)
            image.unlink()
        start += part.mib


def _into(disk: Path, image: Path, start_mib: int) -> None:
    words = [f"if={image}", f"of={disk}", "bs=1M", f"seek={start_mib}"]
    run(["dd", *words, "conv=notrunc,sparse", "status=none"])


def _partition(disk: Path, lines: Sequence[str]) -> None:
    text = "\n".join(lines) + "\n"
    command = ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(disk)]
    subprocess.run(command, input=text.encode(), check=True, timeout=60)


def _fill(image: Path, part: Part, tools: Parts) -> None:
    with image.open("wb") as file:
        file.truncate(part.mib << 20)
    source = part.files.folder if part.files else None
    if part.kind == "ext4":
        more = ["-d", str(source)] if source else []
        options = ["-t", "ext4", "-U", part.uuid, "-E", "nodiscard", "-J", "size=4"]
        run(["mke2fs", "-q", "-F", *options, "-O", "^64bit", *more, str(image)])
    elif part.kind == "xfs":
        tools.run("usr/sbin/mkfs.xfs", "-q", "-K", "-m", f"uuid={part.uuid}", image)
        _shell(_FILLED, "xfs", "loop,nouuid", image, _place(image), source or "/var/empty")
    elif part.kind == "vfat":
        run(["mkfs.vfat", "-i", part.uuid.replace("-", ""), str(image)])
        if source:
            run(["mcopy", "-s", "-i", str(image), *map(str, sorted(source.iterdir())), "::"])
    elif part.kind == "swap":
        run(["mkswap", "-U", part.uuid, str(image)])


def _place(image: Path) -> Path:
    place = image.with_suffix(f"{image.suffix}-mounted")
    place.mkdir(exist_ok=True)
    return place


def _shell(script: str, *arguments: str | Path) -> None:
    """Runs in a mount namespace of its own, so that nothing stays mounted."""
    run(["unshare", "--mount", "sh", "-euc", script, "sh", *map(str, arguments)])


def install_extlinux(disk: Path, start_mib: int, mib: int, tools: Parts) -> None:
    """Its second stage and boot sector into the ext4 partition, mbr.bin into the first sector."""
    image = disk.with_suffix(".boot")
    run(["dd", f"if={disk}", f"of={image}", "bs=1M", f"skip={start_mib}", f"count={mib}"])
    _shell(_EXTLINUX, image, _place(image), tools.debs / "usr/bin/extlinux")
    _into(disk, image, start_mib)
    image.unlink()
    code = (tools.debs / "usr/lib/syslinux/mbr/mbr.bin").read_bytes()
    _write(disk, 0, code[:440])


def install_grub(files: Files, folder: str, prefix: str, modules: Sequence[str]) -> None:
    """GRUB for the BIOS as grub-install leaves it in /boot: modules, boot.img and core.img."""
    own = Path("/usr/lib/grub/i386-pc")
    for path in sorted(own.iterdir()):
        if path.suffix in (".mod", ".lst") or path.name in ("boot.img", "modinfo.sh"):
            files.copy(path, f"{folder}/i386-pc/{path.name}", 0o644)
    core = files.here(f"{folder}/i386-pc/core.img")
    run(["grub-mkimage", "-O", "i386-pc", "-p", prefix, "-o", str(core), "biosdisk", *modules])


def write_grub(disk: Path, files: Files, folder: str) -> None:
    """Its boot sector and core image into the gap; as they are made, sector 1 follows 0."""
    place = files.folder / folder.lstrip("/") / "i386-pc"
    _write(disk, 0, (place / "boot.img").read_bytes()[:440])
    core = (place / "core.img").read_bytes()
    assert len(core) < (FIRST_MIB << 20) - 512
    sectors = (len(core) + 511) // 512 - 1
    assert struct.unpack_from("<H", core, 0x1FC)[0] == sectors, "grub-mkimage counts otherwise"
    _write(disk, 512, core)


def _write(disk: Path, offset: int, data: bytes) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(data)
