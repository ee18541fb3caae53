"""Many hosts: asked at the same time, and one that hangs, is lost or refuses is no one else's."""

from __future__ import annotations

import select
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lifebuoy.cli import columns
from lifebuoy.errors import AmbiguousInstance, HostSilent, HostTrouble, NotFound
from lifebuoy.hosts.finding import find
from lifebuoy.hosts.fleet import Fleet, opener
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.operations.status import summaries
from tests.conftest import Daemon, session_daemon
from tests.libvirt.command import Command, until

PLAY = "test:///default"
ONE_DOMAIN = """<node><domain type='test'><name>{name}</name><memory>8192</memory>
<os><type>hvm</type></os></domain></node>"""


@dataclass(frozen=True)
class Mute:
    """A TCP port that takes connections and never says a word."""

    listening: socket.socket

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def is_called(self) -> bool:
        """Whether somebody connects, waited for."""
        called, _, _ = select.select([self.listening], [], [], 60)
        return bool(called)

    def place(self, transport: str) -> Place:
        return Place("mute", f"qemu+{transport}://127.0.0.1:{self.port}/system?no_tty=1")


@pytest.fixture
def mute() -> Iterator[Mute]:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield Mute(listening)


@pytest.fixture
def own_daemon() -> Iterator[Daemon]:
    with session_daemon() as made:
        yield made


def fleet(tmp_path: Path, *places: Place, timeout_s: float = 20.0) -> Fleet:
    return Fleet(places, opener(tmp_path), timeout_s=timeout_s)


def play(tmp_path: Path, host: str, instance: str) -> Place:
    file = tmp_path / f"{host}.xml"
    file.write_text(ONE_DOMAIN.format(name=instance))
    return Place(host, f"test://{file}")


def names(host: Host) -> list[str]:
    return [one.name for one in summaries(host)]


@pytest.mark.parametrize("transport", ["tcp", "ssh"])
def test_a_host_that_hangs_is_told_and_slows_nobody_down(
    tmp_path: Path, mute: Mute, transport: str
) -> None:
    with fleet(tmp_path, Place("good", PLAY), mute.place(transport)) as hosts:
        good, silent = hosts.ask(names, 1.0)
        assert good.value == ["test"] and good.seconds < silent.seconds
        assert isinstance(silent.error, HostSilent)
        with pytest.raises(HostSilent):
            hosts.host("mute", 0.2)
        assert hosts.host("good").alive


def test_questions_to_a_host_that_hangs_do_not_pile_up(tmp_path: Path, mute: Mute) -> None:
    with fleet(tmp_path, mute.place("tcp")) as hosts:
        for _ in range(30):
            (answer,) = hosts.ask(names, 0.02)
            assert isinstance(answer.error, HostSilent)
        assert sum(thread.name == "ask-mute" for thread in threading.enumerate()) <= 8


def test_no_ssh_is_left_waiting_for_a_host_that_hangs(tmp_path: Path, mute: Mute) -> None:
    with fleet(tmp_path, mute.place("ssh")) as hosts:
        hosts.ask(names, 0.5)
        assert until(lambda: processes_with(f"-p {mute.port}") == 1, 5)
    assert until(lambda: processes_with(f"-p {mute.port}") == 0, 5)


def processes_with(words: str) -> int:
    done = subprocess.run(["pgrep", "-fc", f"^ssh {words}"], capture_output=True, check=False)
    return int(done.stdout)


def test_a_command_ends_while_a_host_hangs(tmp_path: Path, mute: Mute) -> None:
    lifebuoy = configured(tmp_path, Place("good", PLAY), mute.place("tcp"))
    answer = lifebuoy("list", "--host-timeout", "1", "--json")
    found = answer.json("instance-list")
    assert answer.status == 1
    assert [(one["host"], one["name"]) for one in found["instances"]] == [("good", "test")]
    assert [(host["name"], host["answered"]) for host in found["hosts"]] == [
        ("good", True),
        ("mute", False),
    ]
    assert found["hosts"][1]["error"]["code"] == "host-silent"
    told = lifebuoy("list", "--host-timeout", "1")
    assert "no answer from mute" in told.err and "mute" not in told.out


def test_a_daemon_that_is_stopped_is_waited_for_no_longer_than_allowed(
    tmp_path: Path, own_daemon: Daemon
) -> None:
    with fleet(tmp_path, Place("a", own_daemon.uri), Place("good", PLAY)) as hosts:
        assert [answer.value for answer in hosts.ask(names)] == [[], ["test"]]
        own_daemon.signal(signal.SIGSTOP)
        stopped, good = hosts.ask(names, 1.0)
        assert isinstance(stopped.error, HostSilent) and good.value == ["test"]
        own_daemon.signal(signal.SIGCONT)
        assert until(lambda: hosts.ask(names)[0].value == [], 20)
        own_daemon.signal(signal.SIGSTOP)  # closing waits for nobody either


def test_a_lost_connection_is_opened_again(tmp_path: Path, own_daemon: Daemon) -> None:
    with fleet(tmp_path, Place("a", own_daemon.uri)) as hosts:
        first = hosts.host("a")
        assert hosts.host("a") is first
        own_daemon.signal(signal.SIGKILL)
        own_daemon.process.wait(10)
        (gone,) = hosts.ask(names)
        assert isinstance(gone.error, HostTrouble)
        own_daemon.start()
        assert hosts.ask(names)[0].value == []
        assert hosts.host("a") is not first


def test_one_that_refuses_is_told_with_the_reason(tmp_path: Path) -> None:
    nowhere = Place("nowhere", "qemu+unix:///system?socket=/nowhere")
    with fleet(tmp_path, nowhere, Place("good", PLAY)) as hosts:
        refused, good = hosts.ask(names)
        assert refused.error and refused.error.code == "cannot-connect"
        assert good.value == ["test"]


def test_a_fault_of_ours_is_raised_and_not_taken_for_the_hosts(tmp_path: Path) -> None:
    def wrong(_host: Host) -> None:
        raise ZeroDivisionError

    with fleet(tmp_path, Place("good", PLAY)) as hosts, pytest.raises(ZeroDivisionError):
        hosts.ask(wrong)


def test_an_instance_is_where_it_surely_is(tmp_path: Path, mute: Mute) -> None:
    places = [play(tmp_path, "a", "web1"), play(tmp_path, "b", "web2"), play(tmp_path, "c", "web2")]
    with fleet(tmp_path, *places) as hosts:
        assert find(hosts, "web1").sure() == "a"
        with pytest.raises(AmbiguousInstance, match="b and c") as caught:
            find(hosts, "web2").likely()
        assert "b/web2 or c/web2" in caught.value.hint
        with pytest.raises(NotFound) as missing:
            find(hosts, "web")
        assert "web1" in missing.value.hint
    with fleet(tmp_path, places[0], mute.place("tcp"), timeout_s=1.0) as hosts:
        found = find(hosts, "web1")
        assert found.likely() == "a"
        with pytest.raises(AmbiguousInstance, match="mute did not answer") as caught:
            found.sure()
        assert caught.value.hint.endswith("a/web1")


def configured(tmp_path: Path, *places: Place) -> Command:
    """The command with these hosts in the file of its user."""
    command = Command("", tmp_path)
    for place in places:
        answer = command("host", "add", place.name, place.uri, "--json")
        assert answer.json("host")["host"]["name"] == place.name
    return command


def test_instances_are_named_by_their_host_where_they_must_be(tmp_path: Path) -> None:
    lifebuoy = configured(
        tmp_path,
        play(tmp_path, "a", "web1"),
        play(tmp_path, "b", "web2"),
        play(tmp_path, "c", "web2"),
    )
    shown = lifebuoy("show", "web1", "--json").json("instance")
    assert (shown["host"], shown["name"]) == ("a", "web1")
    assert lifebuoy("show", "b/web2", "--json").json("instance")["name"] == "web2"
    error = lifebuoy("show", "web2", "--json").error()
    assert error["code"] == "ambiguous-instance" and "b/web2" in error["hint"]
    assert lifebuoy("show", "a/web2", "--json").error()["code"] == "instance-not-found"
    assert lifebuoy("--connect", "c", "show", "web2").status == 0
    assert lifebuoy("--connect", "c", "show", "b/web2", "--json").error()["exit_status"] == 2
    assert lifebuoy("stop", "b/web2", "--json").json("stop")["instance"] == "web2"


def test_hosts_are_added_checked_listed_and_forgotten(tmp_path: Path) -> None:
    lifebuoy = configured(tmp_path, Place("play", PLAY))
    file = tmp_path / "CONFIG" / "lifebuoy" / "config.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert lifebuoy("host", "list", "--json").json("host-list")["hosts"] == [
        {"name": "play", "uri": PLAY, "pool": ""}
    ]
    for words in (("host", "check", "play", "--json"), ("host", "check", "--json")):
        (host,) = lifebuoy(*words).json("host-check")["hosts"]
        assert host["name"] == "play" and host["items"][0]["name"] == "libvirt"
    twice = lifebuoy("host", "add", "play", "qemu:///system", "--json").error()
    assert twice["code"] == "refused"
    secret = lifebuoy("host", "add", "b", "qemu+tcp://me:hunter2@box/system", "--json").error()
    assert "hunter2" not in str(secret)
    assert lifebuoy("host", "check", "plai", "--json").error()["code"] == "not-found"
    shown = lifebuoy("config", "show", "--json").json("config")
    (uri,) = [one for one in shown["settings"] if one["key"] == "hosts.play.uri"]
    assert (uri["value"], uri["source"]) == (PLAY, str(file))
    lifebuoy("host", "remove", "play", "--json").json("host")
    assert lifebuoy("host", "remove", "play", "--json").error()["code"] == "not-found"
    assert lifebuoy("host", "list", "--json").json("host-list")["hosts"] == []


def test_completion_offers_hosts_and_instances_on_them(tmp_path: Path) -> None:
    lifebuoy = configured(
        tmp_path,
        play(tmp_path, "a", "web1"),
        play(tmp_path, "b", "web2"),
        play(tmp_path, "c", "web2"),
    )

    def offered(*words: str) -> list[str]:
        environment = lifebuoy.environment() | {
            "_LIFEBUOY_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["lifebuoy", *words]),
            "COMP_CWORD": str(len(words)),
        }
        program = shutil.which("lifebuoy", path=str(Path(lifebuoy.words()[0]).parent))
        assert program
        done = subprocess.run(
            [program], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert offered("show", "w") == ["web1"]
    assert offered("show", "b/") == ["b/web2"]
    assert offered("host", "check", "") == ["a", "b", "c"]


@pytest.mark.parametrize("words", [("--connect", "{uri}", "list"), ("show", "mute/x")])
def test_waiting_for_a_host_that_hangs_can_be_interrupted(
    tmp_path: Path, mute: Mute, words: tuple[str, ...]
) -> None:
    lifebuoy = configured(tmp_path, mute.place("tcp"))
    command = [word.format(uri=mute.place("tcp").uri) for word in words]
    process = subprocess.Popen(
        lifebuoy.words(*command), env=lifebuoy.environment(), stderr=subprocess.PIPE, text=True
    )
    assert mute.is_called()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in told


def test_columns_are_neither_cut_nor_folded_and_blanks_do_not_end_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "a-very-long-name-" * 12
    columns.show(
        ("NAME", "SIZE"), [(long, "1"), ("b\x1b[2J", columns.Cell("10", "red"))], right=("SIZE",)
    )
    head, first, second = capsys.readouterr().out.splitlines()
    assert first == f"{long}     1" and second.endswith("  10")
    assert head == f"{'NAME':{len(long)}}  SIZE" and "\x1b" not in second
