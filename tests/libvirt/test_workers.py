"""Two workers as processes of their own, one PostgreSQL, two libvirt daemons, machines of QEMU."""

from __future__ import annotations

import pwd
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from lifebuoy.cli import durable
from lifebuoy.cli.session import Session
from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.model import InstanceState
from lifebuoy.operations import asking, kinds
from lifebuoy.rescue import record
from tests.boot import machine
from tests.conftest import DAEMON_USER, Daemon, session_daemon
from tests.libvirt.command import Command, idle_iso, until, validated
from tests.libvirt.killing import killed_at
from tests.postgres import Server

NAME: Final = "twin"
WAIT: Final = "wait until it can be logged in to"
#: longer than any of these tests lets a worker wait for the rescue system
LONG_S: Final = "8"


@dataclass
class Site:
    """A daemon, the connection of its administrator, and the instance that was made there."""

    daemon: Daemon
    host: Host
    domain: Domain

    def reconnect(self, state_dir: Path) -> None:
        """After its daemon was another for a while."""
        self.host = connect(self.daemon.uri, state_dir=state_dir, pool="media")
        self.domain = self.host.domain(NAME)

    def forget(self) -> None:
        machine.forget(self.host, self.domain)


@dataclass
class Worker:
    """A running worker and what it has said."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def said(self, *words: str) -> bool:
        """Whether one line holds all of these."""
        return any(all(word in str(line) for word in words) for line in list(self.lines))

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(validated(line, "worker-event"))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Two session daemons of two users, each with a pool for our media."""
    users = {"one": DAEMON_USER, "two": pwd.getpwnam("www-data").pw_uid}
    with ExitStack() as stack:
        found = {}
        for name, user in users.items():
            daemon = stack.enter_context(session_daemon(user))
            daemon.add_pool("media")
            state = tmp_path_factory.mktemp(name)
            host = stack.enter_context(connect(daemon.uri, state_dir=state, pool="media"))
            domain = machine.settled(host, machine.bare(NAME))
            found[name] = Site(daemon, host, domain)
            stack.callback(found[name].forget)
        yield found


@pytest.fixture
def lifebuoy(
    sites: dict[str, Site], postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """The command of somebody who has named both hosts and an image that does nothing."""
    command = Command("", tmp_path)
    for name, site in sites.items():
        command("host", "add", name, site.daemon.uri, "--pool", "media", "--json").json("host")
    config = tmp_path / "CONFIG" / "lifebuoy" / "config.toml"
    database = postgres.create(f"workers_{time.monotonic_ns()}")
    config.write_text(f'database = "{database}"\n' + config.read_text())
    iso = idle_iso(tmp_path / "idle.iso")
    assert command("image", "add", str(iso), "--id", "idle", "--name", "x").status == 0
    for name, value in command.environment().items():
        monkeypatch.setenv(name, value)
    yield command
    for site in sites.values():
        machine.kill(site.domain)
        if record.read(site.domain):
            assert command("rescue", "exit", f"{name_of(sites, site)}/{NAME}").status == 0


def name_of(sites: dict[str, Site], site: Site) -> str:
    return next(name for name, one in sites.items() if one is site)


@contextmanager
def working(
    lifebuoy: Command, *words: str, prefix: tuple[str, ...] = ()
) -> Iterator[Callable[[], Worker]]:
    """Starts workers, which are gone afterwards."""
    started: list[Worker] = []

    def start() -> Worker:
        process = subprocess.Popen(
            [*prefix, *lifebuoy.words("worker", "--json", *words)],
            stdout=subprocess.PIPE,
            text=True,
            env=lifebuoy.environment(),
        )
        worker = Worker(process)
        threading.Thread(target=worker.listen, daemon=True).start()
        started.append(worker)
        assert until(lambda: worker.said("connected"), 60), worker.lines
        return worker

    try:
        yield start
    finally:
        for worker in started:
            worker.process.kill()
            worker.process.wait(10)


def operations(lifebuoy: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lifebuoy("operations", "list", "--json").json("operation-list")[
        "operations"
    ]
    return found


def submit(site: str, kind: str, request: dict[str, Any]) -> str:
    """Have a worker do it."""
    return submit_by(Session(), f"{site}/{NAME}", kind, request)


def submit_by(session: Session, ref: str, kind: str, request: dict[str, Any]) -> str:
    with session.instance(ref) as (context, name):
        domain = context.host.domain(name)
        found = asking.submit(
            durable.database(session), context, kinds.find(kind), domain, request, "test"
        )
    return found.id


def state(site: Site) -> InstanceState:
    return record.state_of(site.domain, record.read(site.domain))


def left_waiting(lifebuoy: Command, site: str) -> None:
    """An entering whose process was killed while it waited for the rescue system."""
    words = ("rescue", "enter", f"{site}/{NAME}", "--generate-password", "--timeout", LONG_S)
    killed_at(lifebuoy, WAIT, *words)


def test_what_waits_is_done_on_the_host_that_it_is_for(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    with working(lifebuoy, "--host", "one") as first, working(lifebuoy, "--host", "two") as second:
        one, two = first(), second()
        ids = {name: submit(name, "start", {"watch_s": 0.0}) for name in sites}
        assert until(lambda: all(site.domain.active for site in sites.values()))
        assert until(lambda: {found["state"] for found in operations(lifebuoy)} == {"done"})
        assert one.said(ids["one"], "begins") and not one.said(ids["two"])
        assert two.said(ids["two"], "begins") and not two.said(ids["one"])
        assert one.end(signal.SIGTERM) == 0 and two.end(signal.SIGINT) == 0


def test_of_two_workers_one_does_each_thing(lifebuoy: Command, sites: dict[str, Site]) -> None:
    with working(lifebuoy) as start:
        workers = [start(), start()]
        ids = [submit(name, "start", {"watch_s": 0.0}) for name in sites]
        assert until(lambda: {found["state"] for found in operations(lifebuoy)} == {"done"})
        for id_ in ids:
            assert sum(worker.said(id_, "begins") for worker in workers) == 1


def test_a_worker_that_is_killed_in_the_middle_is_followed_by_another(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    left_waiting(lifebuoy, "one")
    with working(lifebuoy) as start:
        first = start()
        assert until(lambda: first.said("goes on", NAME)), first.lines
        second = start()
        first.end(signal.SIGKILL)
        assert until(lambda: second.said("goes on", NAME)), second.lines
        assert until(lambda: operations(lifebuoy)[0]["state"] == "done", 120)
    assert operations(lifebuoy)[0]["attempts"] == 3
    assert state(sites["one"]) is InstanceState.RESCUE_MODE
    assert state(sites["two"]) is InstanceState.STOPPED


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_hands_over_at_once(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    left_waiting(lifebuoy, "two")
    with working(lifebuoy) as start:
        first = start()
        assert until(lambda: first.said("goes on", NAME)), first.lines
        began = time.monotonic()
        assert first.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < float(LONG_S) * 0.75
        assert until(lambda: first.said("let go")) and first.said("has ended")
        assert operations(lifebuoy)[0]["state"] == "left behind"
        second = start()
        assert until(lambda: second.said("goes on", NAME)), second.lines
        assert until(lambda: operations(lifebuoy)[0]["state"] == "done", 120)
    assert state(sites["two"]) is InstanceState.RESCUE_MODE


def test_a_worker_that_loses_its_host_is_followed_by_one_that_has_it(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    left_waiting(lifebuoy, "one")
    real = sites["one"].daemon.socket
    with Relay(real) as relay:
        # in a mount namespace of its own the worker meets the relay where the daemon listens
        script = 'mount --bind "$0" "$1"; shift; exec "$@"'
        prefix = ("unshare", "--mount", "sh", "-ec", script, str(relay.path), str(real))
        with working(lifebuoy, prefix=prefix) as cut_off, working(lifebuoy) as start:
            first = cut_off()
            assert until(lambda: first.said("goes on", NAME)), first.lines
            second = start()
            relay.cut()
            assert until(lambda: second.said("goes on", NAME)), (first.lines, second.lines)
            assert until(lambda: operations(lifebuoy)[0]["state"] == "done", 120)
            assert first.said("let go") and first.process.poll() is None
    assert state(sites["one"]) is InstanceState.RESCUE_MODE


@pytest.mark.slow
def test_a_worker_goes_on_when_its_host_is_back(
    lifebuoy: Command, sites: dict[str, Site], tmp_path: Path
) -> None:
    left_waiting(lifebuoy, "two")
    daemon = sites["two"].daemon
    with working(lifebuoy, "--host", "two") as start:
        only = start()
        assert until(lambda: only.said("goes on", NAME)), only.lines
        daemon.signal(signal.SIGKILL)
        daemon.process.wait(10)
        assert until(lambda: only.said("let go", NAME)), only.lines
        daemon.start()
        sites["two"].reconnect(tmp_path)
        assert until(lambda: operations(lifebuoy)[0]["state"] == "done", 120), only.lines
    assert state(sites["two"]) is InstanceState.RESCUE_MODE


def test_a_worker_for_a_host_that_nobody_named_is_refused(lifebuoy: Command) -> None:
    error = lifebuoy("worker", "--host", "three", "--json").error()
    assert error["exit_status"] == 2 and "one, two" in error["hint"]


def test_a_worker_notices_hosts_that_are_removed_and_added(
    lifebuoy: Command, sites: dict[str, Site], tmp_path: Path
) -> None:
    config = tmp_path / "CONFIG" / "lifebuoy" / "config.toml"
    both = config.read_text()
    ask: dict[str, Any] = {"watch_s": 0.0}
    with working(lifebuoy) as start:
        worker = start()
        assert lifebuoy("host", "remove", "two").status == 0
        assert until(lambda: worker.said("'serves one'"), 60), worker.lines
        two = submit_by(Session(sites["two"].daemon.uri), NAME, "start", ask)
        one = submit("one", "start", ask)
        assert until(lambda: worker.said(one, "done"), 60), worker.lines
        assert not worker.said(two) and not sites["two"].domain.active
        config.write_text("this is no TOML")
        assert until(lambda: worker.said("the same hosts as before"), 60), worker.lines
        config.write_text(both)
        assert until(lambda: worker.said(two, "done"), 60), worker.lines
        assert worker.process.poll() is None


@pytest.mark.slow
def test_what_is_under_way_on_a_host_that_is_removed_goes_on_to_its_end(
    lifebuoy: Command, sites: dict[str, Site], tmp_path: Path
) -> None:
    left_waiting(lifebuoy, "one")
    config = tmp_path / "CONFIG" / "lifebuoy" / "config.toml"
    both = config.read_text()
    with working(lifebuoy) as start:
        only = start()
        assert until(lambda: only.said("goes on", NAME)), only.lines
        assert lifebuoy("host", "remove", "one").status == 0
        assert until(lambda: only.said("'serves two'"), 60), only.lines
        assert until(lambda: only.said(NAME, "done"), 120), only.lines
    config.write_text(both)
    assert operations(lifebuoy)[0]["attempts"] == 2
    assert state(sites["one"]) is InstanceState.RESCUE_MODE


class Relay:
    """Passes a daemon's socket on, until it is cut: then nothing is heard or answered any more."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._folder = tempfile.TemporaryDirectory(prefix="lbr-", dir="/tmp")
        self.path = Path(self._folder.name) / "socket"
        self._listening = socket.socket(socket.AF_UNIX)
        self._open: list[socket.socket] = []
        self._is_cut = threading.Event()

    def __enter__(self) -> Relay:
        self._listening.bind(str(self.path))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listening.close()
        self._folder.cleanup()

    def cut(self) -> None:
        self._is_cut.set()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self._is_cut.is_set():
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._target))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
