"""An embedded instance with two disks, for backup points over HTTP."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.api.embedded import _DEFINE, _DESTROY, NAME, Machine
from tests.api.server import V1, Server, ended, serving
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


@contextmanager
def served() -> Iterator[tuple[Machine, Server]]:
    """One with its server, an admin, an operator and two owners: 'ben' has it."""
    with with_disks() as made, serving(made.command) as server:
        people = (("ada", "admin"), ("olga", "operator"), ("ben", "owner"), ("eve", "owner"))
        for name, role in people:
            server.account(name, role)
        with server.client(server.key("ada", "administer", "read")) as admin:
            given = admin.put(f"{V1}/accounts/ben/instances/-/{made.uuid}")
            assert given.status_code == 204, given.text
        yield made, server


def done(server: Server, client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """What an operation led to; the paths of ``client`` may begin at an instance."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"].endswith(answer.json()["id"])
    with server.client(client.headers["authorization"].partition(" ")[2]) as other:
        found = ended(other, answer.json()["id"])
    assert found["state"] == "done", found
    result: dict[str, Any] = found["result"]
    return result
