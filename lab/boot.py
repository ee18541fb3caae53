"""Boots a guest's disk with plain QEMU, and says whether its login accepts a password."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab import emulator, login
from lab.layout import Firmware
from lab.login import Login, Verdict
from lab.root import PASSWORD


def to_login(
    disk: Path,
    firmware: Firmware,
    *,
    timeout_s: float = 120,
    password: str = PASSWORD,
    last_words: str = "",
    image_format: str = "qcow2",
) -> Login:
    """The verdict on the serial line. The disk is written to, as by any boot.

    ``last_words`` spares waiting for a guest that is known to be broken (see ``login``).
    """
    with tempfile.TemporaryDirectory(prefix="lifebuoy-boot-") as folder:
        port = login.free_port()
        arguments = _arguments(disk, firmware, Path(folder), port, image_format)
        with emulator.running(arguments) as machine:
            return login.on_serial(machine, password, timeout_s=timeout_s, last_words=last_words)


def to_ssh(
    disk: Path,
    firmware: Firmware,
    *,
    timeout_s: float = 120,
    password: str = PASSWORD,
    host_key: str = "",
    image_format: str = "qcow2",
) -> tuple[Login, Login]:
    """The verdicts on the serial line and, where that one accepts, over SSH."""
    with tempfile.TemporaryDirectory(prefix="lifebuoy-boot-") as folder:
        port = login.free_port()
        arguments = _arguments(disk, firmware, Path(folder), port, image_format)
        with emulator.running(arguments) as machine:
            serial = login.on_serial(machine, password, timeout_s=timeout_s)
            if not serial.accepted:
                return serial, Login(Verdict.NO_LOGIN, "", 0.0)
            return serial, login.over_ssh(port, password, timeout_s=60, host_key=host_key)


def _arguments(
    disk: Path, firmware: Firmware, folder: Path, port: int, image_format: str
) -> list[str]:
    variables = folder / "variables.fd"
    return emulator.boot_arguments(
        disk, firmware, variables=variables, ssh_port=port, image_format=image_format
    )
