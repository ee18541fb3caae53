"""Plain QEMU with a screen to look at, and small systems that fill it with given lines of text.

A boot sector in the text mode of VGA, GRUB's graphical terminal, the Linux console in its fonts,
and the shell of UEFI's firmware: each draws its own characters.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab import archive, emulator
from lifebuoy.errors import BuildFailed, MissingTool

_DISK_BYTES: Final = 1 << 20  # SeaBIOS reads none that is smaller than a cylinder
_CONNECT_S: Final = 20
#: Fills the text screen's memory with all codes upwards, then downwards, and stops there.
_BOOT_CODE: Final = bytes.fromhex(
    "fa 31c0 8ed8 8ed0 bc007c"  # cli; ds = ss = 0; sp = 0x7c00
    "b80300 cd10"  # the text mode with 80 columns
    "b401 b90020 cd10"  # no cursor
    "b800b8 8ec0 31ff fc b80007"  # es:di = the screen's memory; light grey on black, code 0
    "ab fec0 75fb"  # upwards
    "fec8 ab fec8 3cff 75f9"  # downwards
    "f4 ebfd"
)
_KERNEL_INIT: Final = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
show() {
    /bin/busybox printf '\\033[2J\\033[H\\033[?25l' >/dev/tty1
    /bin/busybox cat /chart >/dev/tty1
    echo "shown: $1"
    read -r _
}
/bin/busybox chvt 1
show built-in
for font in /fonts/*; do
    [ -e "$font" ] || continue
    /bin/busybox loadfont <"$font" >/dev/null || echo "shown: refused ${font##*/}"
    show "${font##*/}"
done
echo "shown: nothing more"
/bin/busybox sleep 600
"""


class Display:
    """A running QEMU; ``machine`` is its serial line."""

    def __init__(self, machine: emulator.Emulator, monitor: Path, folder: Path) -> None:
        self.machine = machine
        self._picture = folder / "screen.ppm"
        self._monitor = _connected(monitor)
        self._lines = self._monitor.makefile("rb")
        self._lines.readline()  # its greeting
        self._ask("qmp_capabilities")

    def screenshot(self) -> bytes:
        """What the screen shows now, a portable pixmap."""
        self._ask("screendump", filename=str(self._picture))
        return self._picture.read_bytes()

    def type(self, key: str) -> None:
        """Press a key, by QEMU's name of it."""
        self._ask("send-key", keys=[{"type": "qcode", "data": key}])

    def close(self) -> None:
        """Let the monitor go."""
        self._lines.close()
        self._monitor.close()

    def _ask(self, command: str, **arguments: Any) -> None:
        question = {"execute": command, "arguments": arguments}
        self._monitor.sendall(json.dumps(question).encode() + b"\n")
        while True:
            answer = json.loads(self._lines.readline() or b'{"error": "QEMU ended"}')
            if "error" in answer:
                raise BuildFailed(f"QEMU refused {command}: {answer['error']}")
            if "return" in answer:
                return


@dataclass(frozen=True, slots=True)
class Linux:
    """A kernel to show text by: its further command line, and fonts (PSF) to load one by one."""

    kernel: Path
    options: str = ""
    fonts: Mapping[str, bytes] | None = None


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[Display]:
    """QEMU with these arguments and a VGA screen; ended with the block."""
    with tempfile.TemporaryDirectory(prefix="lifebuoy-display-") as name:
        monitor = Path(name, "monitor")
        with emulator.running(
            ["-vga", "std", "-m", "512", "-qmp", f"unix:{monitor},server,nowait", *arguments]
        ) as machine:
            display = Display(machine, monitor, Path(name))
            try:
                yield display
            finally:
                display.close()


@contextmanager
def boot_sector() -> Iterator[Display]:
    """All codes of the text mode, 0 to 255 and back, one after the other."""
    with tempfile.TemporaryDirectory(prefix="lifebuoy-sector-") as name:
        disk = Path(name, "disk")
        disk.write_bytes((_BOOT_CODE.ljust(510, b"\0") + b"\x55\xaa").ljust(_DISK_BYTES, b"\0"))
        with running(["-drive", f"file={disk},format=raw,if=ide"]) as display:
            yield display


@contextmanager
def grub(lines: Sequence[str], *, load_font: str, mode: str) -> Iterator[Display]:
    """GRUB's graphical terminal with these lines; ``load_font`` is a command, or empty."""
    show = "\n".join(f"echo {_quoted(line)}" for line in lines)
    config = (
        f"insmod all_video\ninsmod gfxterm\n{load_font}\nset gfxmode={mode}\n"
        f"terminal_output gfxterm\nclear\n{show}\n"
        "while true; do sleep 60; done\n"
    )
    modules = "echo sleep all_video gfxterm gfxterm_background font test true"
    with tempfile.TemporaryDirectory(prefix="lifebuoy-grub-") as name:
        (Path(name) / "grub.cfg").write_text(config, encoding="utf-8")
        image = Path(name, "image.iso")
        _run(
            "grub-mkrescue",
            *("-o", str(image), f"--install-modules={modules} normal biosdisk iso9660 part_msdos"),
            *("--fonts=unicode", "--locales=", "--themes="),
            f"boot/grub/grub.cfg={name}/grub.cfg",
        )
        with running(["-cdrom", str(image), "-boot", "d"]) as display:
            yield display


@contextmanager
def linux(system: Linux, lines: Sequence[str]) -> Iterator[Display]:
    """The Linux console with these lines; it says on the serial line which font they are in."""
    busybox = Path("/bin/busybox")
    if not busybox.exists():
        raise MissingTool("busybox is not installed", hint="Install the package busybox-static.")
    files: dict[str, str | bytes] = {
        "init": _KERNEL_INIT,
        "bin/busybox": busybox.read_bytes(),
        "chart": "\r\n".join(lines) + "\r\n",
    }
    files |= {f"fonts/{name}": font for name, font in (system.fonts or {}).items()}
    with tempfile.TemporaryDirectory(prefix="lifebuoy-linux-") as name:
        initrd = Path(name, "initrd")
        initrd.write_bytes(archive.newc(files))
        options = f"quiet loglevel=0 consoleblank=0 mitigations=off {system.options}"
        start = ["-kernel", str(system.kernel), "-initrd", str(initrd), "-append", options]
        with running(start) as display:
            yield display


def shown(display: Display, timeout_s: float) -> str:
    """The name of the font in which a Linux console shows its lines now. Raises TimeoutError."""
    for line in emulator.lines(display.machine, time.monotonic() + timeout_s):
        if line.startswith("shown: "):
            return line.removeprefix("shown: ")
    raise BuildFailed("the machine ended before it showed its lines")


@contextmanager
def uefi_shell(lines: Sequence[str]) -> Iterator[Display]:
    """The text console of UEFI with these lines, typed out by the firmware's shell."""
    with tempfile.TemporaryDirectory(prefix="lifebuoy-uefi-") as name:
        disk, variables = Path(name, "disk"), Path(name, "variables")
        script, chart = Path(name, "startup.nsh"), Path(name, "chart.txt")
        script.write_bytes(b"@echo -off\r\ncls\r\ntype fs0:\\chart.txt\r\nstall 600000000\r\n")
        chart.write_bytes("\r\n".join(["", *lines, ""]).encode("utf-16"))
        _run("mformat", "-i", str(disk), "-C", "-f", "2880", "::")
        _run("mcopy", "-i", str(disk), str(script), str(chart), "::")
        shutil.copyfile(emulator.OVMF_VARIABLES, variables)
        with running(
            [
                *("-machine", "q35"),
                *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={emulator.OVMF_CODE}"),
                *("-drive", f"if=pflash,unit=1,format=raw,file={variables}"),
                *("-drive", f"file={disk},format=raw,if=ide"),
            ]
        ) as display:
            yield display


def _connected(path: Path) -> socket.socket:
    deadline = time.monotonic() + _CONNECT_S
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            connection.settimeout(_CONNECT_S)
            return connection


def _quoted(line: str) -> str:
    return "'" + line.replace("'", "'\"'\"'") + "'"


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    except FileNotFoundError as missing:
        raise MissingTool(f"{command[0]} is not installed") from missing
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise BuildFailed(f"{command[0]} failed: {said}")
