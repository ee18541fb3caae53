"""Plain QEMU, without libvirt: the builder, and a boot of a guest's disk by itself."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.layout import Firmware
from lifebuoy.errors import BuildFailed, MissingTool

QEMU = "qemu-system-x86_64"
OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
EMULATION = "tcg,thread=multi"
BASE = (
    *("-nodefaults", "-no-user-config", "-display", "none"),
    *("-serial", "stdio"),
)


class Emulator:
    """A running QEMU; its serial line is a byte stream (``lab.login.ByteStream``)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout
        self._process = process
        self._in = process.stdin.fileno()
        self._out = process.stdout.fileno()

    def read(self, timeout_s: float) -> bytes:
        """What the guest wrote, empty if nothing came in time. Raises EOFError when it is gone."""
        if not select.select([self._out], [], [], max(timeout_s, 0))[0]:
            return b""
        data = os.read(self._out, 65536)
        if not data:
            raise EOFError
        return data

    def write(self, data: bytes) -> None:
        """Type on the guest's serial line."""
        while data:
            data = data[os.write(self._in, data) :]

    def wait(self, timeout_s: float) -> int:
        """QEMU's exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)


@contextmanager
def running(arguments: Sequence[str], *, accelerator: str = EMULATION) -> Iterator[Emulator]:
    """QEMU with these arguments; killed when the block is left."""
    try:
        process = subprocess.Popen(
            [QEMU, "-accel", accelerator, *BASE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle, not QEMU's
        )
    except FileNotFoundError as missing:
        raise MissingTool(
            f"{QEMU} is not installed", hint="Install the package qemu-system-x86."
        ) from missing
    try:
        yield Emulator(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def drive(path: Path, *, image_format: str, serial: str, read_only: bool = False) -> list[str]:
    """Arguments for one virtio disk; writes are not flushed, as a lost build is built again."""
    mode = "on" if read_only else "off"
    name = str(path).replace(",", ",,")
    return [
        "-drive",
        f"if=none,id={serial},file={name},format={image_format},cache=unsafe,readonly={mode},"
        "discard=unmap",
        "-device",
        f"virtio-blk-pci,drive={serial},serial={serial}",
    ]


def boot_arguments(
    disk: Path,
    firmware: Firmware,
    *,
    variables: Path,
    ssh_port: int,
    memory_mib: int = 768,
    image_format: str = "qcow2",
) -> list[str]:
    """Arguments that boot a disk as the lab's definitions do.

    ``variables`` is the file for the firmware variables, made here for UEFI where it is missing;
    the guest's SSH is reached at 127.0.0.1:``ssh_port``.
    """
    arguments = ["-m", str(memory_mib), "-smp", "2", "-no-reboot", "-vga", "std"]
    arguments += ["-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{ssh_port}-:22"]
    arguments += drive(disk, image_format=image_format, serial="lab-guest")
    if firmware is Firmware.BIOS:
        return [*arguments, "-machine", "pc,graphics=off"]
    if not OVMF_CODE.exists():
        raise BuildFailed(f"{OVMF_CODE} is missing", hint="Install the package ovmf.")
    if not variables.exists():
        shutil.copyfile(OVMF_VARIABLES, variables)
    return [
        *arguments,
        *("-machine", "q35"),
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={variables}"),
    ]


def lines(emulator: Emulator, deadline: float) -> Iterator[str]:
    """Lines of the serial output until QEMU ends. Raises TimeoutError at the deadline."""
    pending = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            pending += emulator.read(min(left, 1.0))
        except EOFError:
            return
        *complete, pending = pending.split(b"\n")
        for line in complete:
            yield line.decode(errors="replace").rstrip("\r")
