"""The floor: the least that any rescue system with this kernel must take.

QEMU, started with the rescue image's own kernel and command line and an initramfs that holds
nothing but busybox; from QEMU's start to the one line that its init prints on the serial port. No
firmware boot, no CD-ROM, no disk, no drivers, no network.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import pycdlib

from lab import archive, emulator
from lifebuoy.errors import MissingTool, TimedOut
from lifebuoy.image import iso

LINE: Final = "floor: init runs"
INIT: Final = f"""\
#!/bin/busybox sh
/bin/busybox mkdir -p /dev
/bin/busybox mount -t devtmpfs devtmpfs /dev
echo '{LINE}' >/dev/ttyS0
/bin/busybox poweroff -f
"""
#: As the lab's guests have them, so that both sides run on the same machine; qemu64 is the model
#: that libvirt gives to a guest that names none.
HARDWARE: Final = ("-machine", "pc", "-cpu", "qemu64", "-m", "768", "-smp", "2")
_BUSYBOX: Final = Path("/bin/busybox")


@dataclass(frozen=True, slots=True)
class Floor:
    """Kernel and initramfs, ready to be started; ``acceleration`` is "kvm" or "tcg"."""

    kernel: Path
    initrd: Path
    acceleration: str

    def seconds(self, timeout_s: float = 120.0) -> float:
        """From QEMU's start to the line.

        Raises:
            TimedOut: it did not come.
        """
        command_line = iso.kernel_command_line("floor")
        arguments = [*HARDWARE, "-kernel", str(self.kernel), "-initrd", str(self.initrd)]
        arguments += ["-append", command_line, "-no-reboot"]
        accelerator = "kvm" if self.acceleration == "kvm" else emulator.EMULATION
        began = time.monotonic()
        with emulator.running(arguments, accelerator=accelerator) as machine:
            seen = b""
            while LINE.encode() not in seen:
                left = began + timeout_s - time.monotonic()
                try:
                    seen += machine.read(min(left, 1.0))
                except EOFError:
                    left = 0.0
                if left <= 0:
                    words = seen.decode(errors="replace")[-500:]
                    raise TimedOut(f"the floor's kernel did not start: {words}")
            return time.monotonic() - began


def prepare(image: Path, folder: Path, acceleration: str) -> Floor:
    """Take the kernel from the rescue ``image`` and make the initramfs, both in ``folder``.

    Raises:
        MissingTool: no busybox on this machine.
    """
    if not _BUSYBOX.is_file():
        raise MissingTool(f"{_BUSYBOX} is missing", hint="Install the package busybox-static.")
    kernel, initrd = folder / "vmlinuz", folder / "floor.cpio"
    opened = pycdlib.PyCdlib()
    opened.open(str(image))
    try:
        content = BytesIO()
        opened.get_file_from_iso_fp(content, joliet_path="/boot/vmlinuz")
    finally:
        opened.close()
    kernel.write_bytes(content.getvalue())
    initrd.write_bytes(archive.newc({"init": INIT, "bin/busybox": _BUSYBOX.read_bytes()}))
    return Floor(kernel, initrd, acceleration)
