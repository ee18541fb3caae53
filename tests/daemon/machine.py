"""Machines of their own beside this one: namespaces with their own users, /run, /var and processes.

What runs in one ends with it, whatever becomes of the test; nothing on this machine is changed.
The network is shared, so that 127.0.0.1 is the same for all, but for a server with a network of its
own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import lifebuoy
from tests.daemon import certificates
from tests.daemon.account import User, make_homes, write_entries
from tests.daemon.certificates import Authority

SCRIPT: Final = Path(__file__).with_name("machine.sh")
PLACE: Final = Path("/var/tmp")  # on a disk, where every user may pass, and short for sockets
START_S: Final = 60.0
DEADLINE_S: Final = 240.0
IMAGES: Final = "/run/images"
LOOPBACK: Final = "127.0.0.1"
_PYTHON: Final = f"/run/python/bin/python3.{sys.version_info.minor}"
_NAMESPACES: Final = {
    "mount": "mnt",
    "uts": "uts",
    "ipc": "ipc",
    "pid": "pid_for_children",
    "net": "net",
}
_LIBVIRTD_CONF: Final = """
# The group alone decides who may: there is no polkit here to ask.
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
_TLS_CONF: Final = """
listen_addr = "{address}"
tls_port = "{port}"
ca_file = "/etc/libvirt/tls/cacert.pem"
cert_file = "/etc/libvirt/tls/servercert.pem"
key_file = "/etc/libvirt/tls/serverkey.pem"
"""
_QEMU_CONF: Final = """
# Control groups would be the whole machine's.
cgroup_controllers = []
"""


@dataclass(frozen=True)
class Tls:
    """Where a host's libvirt listens, on 127.0.0.1, and who signs for it and its clients."""

    authority: Authority
    port: int


class Kind(StrEnum):
    """What a machine is for."""

    HOST = "host"  # runs a system libvirt
    LAPTOP = "laptop"  # runs nothing
    APART = "apart"  # a host whose network is its own: bridges may be made there


@dataclass(frozen=True)
class Machine:
    """A started one. ``folder`` is where its files are, as this machine sees them."""

    folder: Path
    pid: int

    def path(self, inside: str) -> Path:
        """Where its file ``inside`` (below /run or /var) is seen from here."""
        return self.folder / inside.lstrip("/")

    def words(self, user: User | None, *words: str) -> list[str]:
        """A command line that runs one in it, by ``user`` or root; ended when that is killed."""
        who = ["--no-new-privs"]
        if user is not None:
            who += ["--reuid", user.name, "--regid", user.name, "--init-groups"]
        return [
            *("nsenter", "--wd=/"),
            *(f"--{flag}=/proc/{self.pid}/ns/{name}" for flag, name in _NAMESPACES.items()),
            *("setpriv", *who, "--pdeathsig", "KILL", "--"),
            *words,
        ]

    def as_root(self, *words: str, stdin: str = "") -> str:
        """Standard output of a command of its root, which must succeed."""
        done = subprocess.run(
            self.words(None, *words),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def virsh(self, *words: str, stdin: str = "") -> str:
        """What its administrator does by libvirt's own tool."""
        return self.as_root("virsh", "-q", "-c", "qemu:///system", *words, stdin=stdin)

    def lifebuoy_words(self, user: User, *words: str) -> list[str]:
        """The command line of Lifebuoy, for ``words`` of a user."""
        return self.words(user, _PYTHON, "-m", "lifebuoy", *words)


def environment(user: User, *, images: str = IMAGES) -> dict[str, str]:
    """All that the programs of ``user`` are given."""
    return {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "USER": user.name,
        "HOME": user.home,
        "XDG_RUNTIME_DIR": user.runtime,
        "LD_LIBRARY_PATH": "/run/python/lib",
        "PYTHONPATH": "/run/source:/run/packages",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LIFEBUOY_IMAGES": images,
    }


@contextmanager
def started(
    kind: Kind, users: Sequence[User], images: Path, tls: Tls | None = None, name: str = ""
) -> Iterator[Machine]:
    """A machine with these users, who find the rescue images of the folder ``images``.

    With ``tls`` its libvirt listens for that as well. ``name`` is its host name, else its kind's.
    """
    folder = Path(tempfile.mkdtemp(prefix="lb-", dir=PLACE))
    folder.chmod(0o755)
    (folder / "etc").mkdir()
    write_entries(folder / "etc", users)
    make_homes(folder, users)
    if kind is not Kind.LAPTOP:
        _configure_libvirt(folder / "etc" / "libvirt", tls)
    try:
        process = _start(kind, folder, images, name or f"lifebuoy-{kind}")
        try:
            _wait(folder, process)
            yield Machine(folder, process.pid)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder)


def _configure_libvirt(folder: Path, tls: Tls | None) -> None:
    shutil.copytree("/etc/libvirt", folder, symlinks=True)
    daemon = _LIBVIRTD_CONF + f'host_uuid = "{uuid.uuid4()}"\n'  # they share one firmware
    if tls is not None:
        own = tls.authority.server(LOOPBACK)
        certificates.put(folder / "tls", "server", own, [tls.authority])
        daemon += _TLS_CONF.format(address=LOOPBACK, port=tls.port)
    for name, text in (("libvirtd.conf", daemon), ("qemu.conf", _QEMU_CONF)):
        with (folder / name).open("a") as config:
            config.write(text)


def _start(kind: Kind, folder: Path, images: Path, name: str) -> subprocess.Popen[bytes]:
    words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child"]
    words += ["--mount", "--uts", "--ipc", "--pid", *(["--net"] if kind is Kind.APART else [])]
    words += ["bash", str(SCRIPT), str(kind), str(folder), name]
    given = {
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        "PYTHON": sys.base_prefix,
        "PACKAGES": sysconfig.get_path("purelib"),
        "SOURCE": str(Path(lifebuoy.__file__).parents[1]),
        "IMAGES": str(images),
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=given,
        )


def _wait(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while not (folder / "ready").exists():
        said = (folder / "log").read_text(errors="replace")
        assert process.poll() is None, f"the machine ended: {said}"
        assert time.monotonic() < deadline, f"the machine did not start: {said}"
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill its first process: the kernel kills all others before that one is seen to end."""
    if process.poll() is None:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        process.wait(START_S)
