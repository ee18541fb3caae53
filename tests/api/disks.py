"""An embedded instance with two disks, for backup points over HTTP."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.api.embedded import _DEFINE, _DESTROY, NAME, Machine
from tests.conftest import SHORT_TMP
from tests.libvirt.backups import definition, disk, write
from tests.libvirt.command import Command, idle_iso


@contextmanager
def with_disks() -> Iterator[Machine]:
    """One for the block, stopped, and a rescue image; nothing runs afterwards."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    command = Command(f"qemu:///embed?root={home}/e", home)
    command("image", "add", str(idle_iso(home / "idle.iso")), "--id", "idle", "--name", "Idle")
    files = {"vda": (home / "a.qcow2", "qcow2"), "vdb": (home / "b.img", "raw")}
    for path, form in files.values():
        write(disk(path, form), form, (1, 0, 4))
    text = definition(NAME, files).replace("<memory unit='MiB'>32<", "<memory unit='MiB'>512<")
    try:
        yield Machine(command, command.python(_DEFINE, stdin=text).strip())
    finally:
        command.python(_DESTROY)
        shutil.rmtree(home)
