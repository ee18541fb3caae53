"""An instance of an embedded libvirt, and a user whose server is the one process that opens it.

The rescue image is an owner's ISO whose system does nothing, so that no boot has to be waited for.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conftest import SHORT_TMP, definition
from tests.libvirt.command import Command, idle_iso

NAME: Final = "vm"
_DEFINE: Final = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    print(host.define(sys.stdin.read()).uuid)
"""
_DUMP: Final = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    print(host.domain(sys.argv[2]).xml(secure=True))
"""
_DESTROY: Final = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    for domain in host.domains():
        domain.destroy()
"""


@dataclass(frozen=True)
class Machine:
    """The stopped instance, and the command of its user."""

    command: Command
    uuid: str

    def dump(self) -> str:
        """Its definition, as libvirt has it; while no server runs."""
        return self.command.python(_DUMP, NAME)


@contextmanager
def embedded() -> Iterator[Machine]:
    """One for the block; nothing runs afterwards."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    command = Command(f"qemu:///embed?root={home}/e", home)
    command("image", "add", str(idle_iso(home / "idle.iso")), "--id", "idle", "--name", "Idle")
    text = definition(NAME).replace("<memory unit='MiB'>48<", "<memory unit='MiB'>512<")
    try:
        yield Machine(command, define(command, text))
    finally:
        end_all(command)
        shutil.rmtree(home)


def define(command: Command, text: str) -> str:
    """Define an instance; its UUID. While no server runs."""
    return command.python(_DEFINE, stdin=text).strip()


def end_all(command: Command) -> None:
    """End what runs, once no server does."""
    command.python(_DESTROY)
