"""Hosts to test against: the embedded driver, libvirt's own test driver, a private daemon.

The embedded driver holds one folder per process for good, so all tests share the one host here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lifebuoy.hypervisor import Domain, Host, connect
from tests import rotating
from tests.postgres import Server, find, serving

SHORT_TMP = Path("/tmp")  # sockets below the root must stay short; pytest's folders are not
# Fixed before workers start: all of them choose the same sample, also at midnight (tests/doctor).
os.environ.setdefault("LIFEBUOY_TEST_DAY", str(datetime.now(UTC).toordinal()))


@pytest.hookimpl(tryfirst=True)  # before slow ones are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests and variants that take turns, today's are none of the slow ones."""
    rotating.mark(items)


DAEMON_USER = 65534
DAEMON_START_S = 20

#: Uses the serial port for firmware messages, so that there is something to read without a disk.
DEFINITION = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>48</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><bios useserial='yes'/></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>{source}
      <target dev='hda' bus='ide'/><readonly/>
    </disk>
    <serial type='pty'/>
    <interface type='user'><model type='e1000'/><rom bar='off'/></interface>
    <graphics type='vnc' passwd='vncword1'><listen type='socket'/></graphics>
    <video><model type='vga'/></video>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain>
"""


def definition(name: str, *, medium: str = "") -> str:
    """A small diskless machine; ``medium`` is in its CD-ROM drive."""
    return DEFINITION.format(name=name, source=f"<source file='{medium}'/>" if medium else "")


@dataclass
class Daemon:
    """A libvirtd of our own, run by an unprivileged user; everything of it is below ``home``."""

    uri: str
    home: Path
    user: int
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.home / "run" / "libvirt" / "libvirt-sock"

    def start(self) -> None:
        """Start it, or start it again after it has ended."""
        self.socket.unlink(missing_ok=True)
        self.process = _libvirtd(self.home, self.user)
        _wait_for(self.socket, self.process)

    def add_pool(self, name: str) -> None:
        """Make a storage pool over a folder of its home."""
        folder = self.home / name
        folder.mkdir()
        os.chown(folder, self.user, self.user)
        words = ["pool-create-as", name, "dir", "--target", str(folder)]
        subprocess.run(["virsh", "-q", "-c", self.uri, *words], check=True)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


@contextmanager
def session_daemon(user: int = DAEMON_USER) -> Iterator[Daemon]:
    """A private session daemon that shares nothing with this machine's, for the block."""
    if _libvirtd_path() is None or os.geteuid() != 0:
        pytest.skip("needs libvirtd, and root to run it as another user")
    home = Path(tempfile.mkdtemp(prefix="lbd-", dir=SHORT_TMP))
    (home / "config" / "libvirt").mkdir(parents=True)
    (home / "config" / "libvirt" / "qemu.conf").write_text('stdio_handler = "file"\n')
    (home / "run").mkdir(mode=0o700)
    for path in (home, *home.rglob("*")):
        os.chown(path, user, user)
    socket = home / "run" / "libvirt" / "libvirt-sock"
    made = Daemon(f"qemu+unix:///session?socket={socket}", home, user, _libvirtd(home, user))
    try:
        _wait_for(made.socket, made.process)
        yield made
    finally:
        made.signal(signal.SIGCONT)
        made.process.terminate()
        made.process.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def _libvirtd(home: Path, user: int) -> subprocess.Popen[bytes]:
    program = _libvirtd_path()
    assert program
    environment = {
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "share"),
    }
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [program],
            env=environment,
            user=user,
            group=user,
            extra_groups=[],
            cwd="/",
            stdout=log,
            stderr=log,
        )


def _libvirtd_path() -> str | None:
    return shutil.which("libvirtd", path=os.environ.get("PATH", "") + ":/usr/sbin")


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DAEMON_START_S
    while not socket.exists():
        assert process.poll() is None, "libvirtd ended"
        assert time.monotonic() < deadline, "libvirtd did not open its socket"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A folder with a short name."""
    folder = Path(tempfile.mkdtemp(prefix="lb-", dir=SHORT_TMP))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def embedded(short_dir: Path) -> Iterator[Host]:
    """The embedded driver; a process can open only one root."""
    with connect("embed", state_dir=short_dir) as host:
        yield host


@pytest.fixture
def test_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """libvirt's play host, with one running domain 'test'."""
    monkeypatch.delenv("LIFEBUOY_POOL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with connect("test:///default", state_dir=tmp_path) as host:
        yield host


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """A private session daemon that shares nothing with this machine's."""
    with session_daemon() as made:
        yield made


@pytest.fixture
def session_host(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A connection to the private daemon; its pool goes into the daemon user's home."""
    monkeypatch.setenv("XDG_DATA_HOME", str(daemon.home / "share"))
    monkeypatch.delenv("LIFEBUOY_POOL", raising=False)
    with connect(daemon.uri, state_dir=tmp_path) as host:
        yield host


@pytest.fixture
def made() -> Iterator[Callable[[Host, str], Domain]]:
    """Defines domains that are gone after the test."""
    domains: list[Domain] = []

    def define(host: Host, xml: str) -> Domain:
        domains.append(host.define(xml))
        return domains[-1]

    yield define
    for domain in domains:
        domain.destroy()
        domain.undefine(keep_nvram=False)


@pytest.fixture
def play_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's folder, with what belongs to libvirt's play hosts in it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of our own; a test makes its database there."""
    programs = find()
    if programs is None:
        pytest.skip("needs PostgreSQL: Debian's package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="lbp-", dir=SHORT_TMP))
    folder.chmod(0o711)  # the server's user must reach what is below
    with serving(folder / "server", programs) as server:
        yield server
    folder.rmdir()
