"""Kernel, modules and initramfs of a shape: the lab's Debian kernel under another release.

The image's own version string, at the place that docs.kernel.org/arch/x86/boot.html names, is
changed with it. Modules are compressed as the distribution compresses them.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from lab import archive
from lab.shape.files import Files
from lab.shape.parts import Parts, run

#: what a virtual machine's root needs, and some more that come as modules
MODULES = ("ext4", "jbd2", "mbcache", "xfs", "libcrc32c", "fat", "vfat", "virtio_blk", "virtio_pci")


def zstd(data: bytes) -> bytes:
    """Compressed by the program."""
    command = ["zstd", "-q", "-3", "-c"]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout


def xz(data: bytes) -> bytes:
    """As the kernel's own build does it."""
    return lzma.compress(data, check=lzma.CHECK_CRC32, preset=1)


COMPRESSED: Mapping[str, Callable[[bytes], bytes]] = {
    ".xz": xz,
    ".zst": zstd,
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
}


def image(parts: Parts, release: str) -> bytes:
    """A kernel image that calls itself by this release."""
    data = bytearray((parts.root / f"boot/vmlinuz-{parts.release}").read_bytes())
    at = struct.unpack_from("<H", data, 0x20E)[0] + 0x200
    end = data.index(b"\0", at)
    said = f"{release} (builder@example) #1 SMP PREEMPT_DYNAMIC".encode()[: end - at]
    data[at:end] = said.ljust(end - at, b"\0")
    return bytes(data)


def install_modules(files: Files, parts: Parts, release: str, folder: str, ending: str) -> None:
    """The modules, compressed, with their index made by depmod; ``folder`` is that of modules."""
    source = parts.root / f"usr/lib/modules/{parts.release}"
    for path in sorted(source.rglob("*.ko")):
        if path.stem.replace("-", "_") in MODULES:
            place = f"{folder}/{release}/{path.relative_to(source)}{ending}"
            files.put(place, COMPRESSED[ending](path.read_bytes()))
    files.copy(source / "modules.builtin", f"{folder}/{release}/modules.builtin", 0o644)
    files.put(f"{folder}/{release}/modules.order", "")
    run(["depmod", "-b", str(files.folder), release])


def initramfs(
    parts: Parts, release: str, folder: str, more: Mapping[str, str | bytes], ending: str
) -> bytes:
    """A cpio archive of the modules and of ``more``, not compressed."""
    found: dict[str, str | bytes] = dict(more)
    source = parts.root / f"usr/lib/modules/{parts.release}"
    for path in sorted(source.rglob("*.ko")):
        if path.stem.replace("-", "_") in MODULES:
            data = COMPRESSED[ending](path.read_bytes()) if ending else path.read_bytes()
            found[f"{folder}/{release}/{path.relative_to(source)}{ending}"] = data
    return archive.newc(found)


def microcode() -> bytes:
    """The archive in front that dracut and mkinitcpio put processors' microcode into."""
    return archive.newc({"early_cpio": "1", "kernel/x86/microcode/GenuineIntel.bin": bytes(2048)})


def config(parts: Parts) -> bytes:
    """With what the kernel was built."""
    return Path(parts.root / f"boot/config-{parts.release}").read_bytes()
