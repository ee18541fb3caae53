"""A world whose libvirt is a system daemon on a machine of its own, reached by SSH alone.

The daemon dies while its QEMUs live on, and the connection is cut. Only the instance's disks are at
a place that both machines see, so that they can be looked at past libvirt.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults import apart
from faults.disturbance import Disturbance
from faults.observation import Scene
from faults.world import World, founded, peopled
from tests.daemon import machine, sshd
from tests.daemon.account import User
from tests.daemon.machine import Kind, Machine

_MEMBER: Final = User("lb-member", 61001, groups=("libvirt",))
_NEEDED: Final = ("libvirtd", "virtlogd", "unshare", "nsenter", "setpriv", "sshd", "ssh")
_SSH: Final = Path("/etc/ssh")
_PID: Final = "/run/libvirtd.pid"
_START: Final = ("libvirtd", "--daemon")
_MOMENT_S: Final = 2
_BACK_S: Final = 60.0


@dataclass
class Remote(World):
    """The same on ``machine``, where ``server`` lets the user in."""

    machine: Machine = field(kw_only=True)
    server: sshd.Server = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = f"{_MEMBER.name}@127.0.0.1:{self.server.port}"
        self.uri = f"qemu+ssh://{where}/system?keyfile={_key(self.folder)}&no_tty=1"

    def scene(self) -> Scene:
        """Where to look after a fault."""
        store = self.machine.path("/var/lib/lifebuoy")
        return Scene(self.uri, self.home, f"sqlite:///{self.database}", store)

    def places(self) -> dict[str, Path]:
        """Folders that are put back, each by the name under which it is kept."""
        inside = ("/etc/libvirt", "/var/lib", "/run/libvirt/qemu", "/run/libvirt/storage")
        theirs = {one.strip("/").replace("/", "-"): self.machine.path(one) for one in inside}
        return super().places() | theirs

    def put_back(self, name: str = "made") -> None:
        """As it was kept: the host as after a boot."""
        self.kill_daemon()
        super().put_back(name)
        self.start_daemon()

    def kill_daemon(self) -> None:
        """What ``kill -9`` does to libvirtd; its QEMUs live on."""
        pid = self.machine.path(_PID)
        if pid.exists() and pid.read_text().strip():
            self.machine.as_root("sh", "-c", f"kill -9 $(cat {_PID}) || true")

    def start_daemon(self, after_s: int = 0) -> None:
        """Start it; later, if so, which is not waited for."""
        if after_s:
            later = f"(sleep {after_s}; exec {' '.join(_START)}) >/dev/null 2>&1 &"
            self.machine.as_root("sh", "-c", later)
        else:
            self.machine.as_root(*_START)
            self.wait_for_daemon()

    def wait_for_daemon(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + _BACK_S
        while True:
            try:
                self.machine.virsh("list", "--all")
                return
            except AssertionError:
                assert time.monotonic() < deadline, "libvirtd did not come back"
                time.sleep(0.1)


def lacks() -> str:
    """Why such a world cannot be made here; empty if it can."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = [name for name in _NEEDED if shutil.which(name, path=path) is None]
    if not apart.possible():
        return "a machine of its own needs root"
    return f"there is no {', '.join(missing)}" if missing else ""


def of_daemon() -> tuple[Disturbance, ...]:
    """How the host's daemon dies."""
    return (
        Disturbance(
            f"libvirtd killed, back after {_MOMENT_S} s", _killed_for_a_moment, _wait_for_daemon
        ),
        Disturbance("libvirtd killed, back later", _killed, _started),
    )


def of_connection() -> tuple[Disturbance, ...]:
    """How the connection is cut."""
    return (
        Disturbance("SSH connection cut", lambda _world: _end_clients()),
        Disturbance("SSH server killed, back later", _cut, _serving_again),
    )


@contextmanager
def made() -> Iterator[World]:
    """Such a world with a stopped instance; gone after the block."""
    with founded() as folder:
        folder.chmod(0o755)  # QEMU is another user's there
        images = folder / "images"
        images.mkdir()
        public = sshd.make_key(_key(folder))
        with machine.started(Kind.HOST, (_MEMBER,), images) as host:
            server = sshd.start(host, "ssh-faults", public)
            with _knowing(server, folder / "ssh"):
                world = Remote(folder, machine=host, server=server)
                with peopled(world):
                    yield world


def _key(folder: Path) -> Path:
    return folder / "key"


@contextmanager
def _knowing(server: sshd.Server, folder: Path) -> Iterator[None]:
    """SSH of this process and its children trusts the server."""
    shutil.copytree(_SSH, folder, symlinks=True)
    (folder / "ssh_known_hosts").write_text(server.host_key)
    apart.mount_over(folder, _SSH)
    try:
        yield
    finally:
        apart.unmount(_SSH)


def _remote(world: World) -> Remote:
    assert isinstance(world, Remote)
    return world


def _killed(world: World) -> None:
    _remote(world).kill_daemon()


def _killed_for_a_moment(world: World) -> None:
    _remote(world).kill_daemon()
    _remote(world).start_daemon(_MOMENT_S)


def _wait_for_daemon(world: World) -> None:
    _remote(world).wait_for_daemon()


def _started(world: World) -> None:
    _remote(world).start_daemon()


def _cut(world: World) -> None:
    _remote(world).server.cut()


def _serving_again(world: World) -> None:
    _remote(world).server.serve()


def _end_clients() -> None:
    """Kill every ssh of this process."""
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            with suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "ssh":
                    os.kill(pid, signal.SIGKILL)
