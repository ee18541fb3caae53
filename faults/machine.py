"""The instance that faults are tried on: UEFI variables, two disks, and a firmware that sleeps.

Its firmware halts the processor at the reset vector, so that its QEMU costs nothing and needs no
boot, while all that Lifebuoy does to an instance with UEFI is done.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import Final

NAME: Final = "vm"
MIB: Final = 1 << 20
DISK_MIB: Final = 8
_CODE_BYTES: Final = 256 * 1024
_VARIABLES_BYTES: Final = 128 * 1024
#: cli; hlt; and back to the hlt
_RESET: Final = bytes.fromhex("fa f4 eb fd").ljust(16, b"\0")
_DEFINITION: Final = """
<domain type='qemu'>
  <name>{name}</name>
  <title>Wägen &amp; Löschen</title>
  <memory unit='MiB'>512</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <loader readonly='yes' type='pflash'>{folder}/firmware.fd</loader>
    <nvram>{folder}/variables.fd</nvram>
    <boot dev='hd'/>
  </os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/><source file='{folder}/vda.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{folder}/vdb.img'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <interface type='user'><model type='e1000'/><rom bar='off'/></interface>
    <serial type='pty'/>
    <graphics type='vnc' passwd='vncword1'><listen type='socket'/></graphics>
    <video><model type='vga'/></video>
  </devices>
</domain>
"""


def make(folder: Path) -> str:
    """Its files below ``folder``, and its definition."""
    folder.mkdir()
    (folder / "firmware.fd").write_bytes(bytes(_CODE_BYTES - len(_RESET)) + _RESET)
    (folder / "variables.fd").write_bytes(b"variables".ljust(_VARIABLES_BYTES, b"\xff"))
    for file, form in (("vda.qcow2", "qcow2"), ("vdb.img", "raw")):
        _run("qemu-img", "create", "-q", "-f", form, str(folder / file), f"{DISK_MIB}M")
        write(str(folder / file), form, pattern=1, at_mib=0)
    return _DEFINITION.format(name=NAME, folder=folder)


def write(path: str, form: str, *, pattern: int, at_mib: int, size_mib: int = 2) -> None:
    """Write to a disk as its guest would."""
    command = f"write -q -P {pattern} {at_mib}M {size_mib}M"
    _run("qemu-io", "-f", form, "-c", command, path)


def digest(path: str, form: str) -> str:
    """The hash of all that a disk reads as, its bases included; or why it cannot be read."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as raw:
        words = ["qemu-img", "convert", "-U", "-f", form, "-O", "raw", path, raw.name]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"unreadable: {done.stderr.strip()[-120:]}"
        return hashlib.sha256(Path(raw.name).read_bytes()).hexdigest()[:12]


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
