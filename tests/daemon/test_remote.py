"""The story told from another machine: by SSH to the host and nothing else, with no file there."""

from __future__ import annotations

import subprocess

import pytest

from lab import login
from lab.layout import Layout
from lifebuoy.hypervisor import SshHop
from lifebuoy.hypervisor.tunnel import NoWay, through
from tests.daemon import sshd
from tests.daemon.conftest import MEMBER
from tests.daemon.elsewhere import ELSEWHERE, public_key, uri
from tests.daemon.guests import FOLDER, Guests
from tests.daemon.machine import Machine
from tests.daemon.member import Member
from tests.daemon.sshd import Server

NAME = "far1"


@pytest.fixture(scope="module")
def far(laptop: Machine, server: Server) -> Member:
    return Member(laptop, ELSEWHERE, uri(server, MEMBER))


@pytest.fixture
def far1(guests: Guests) -> str:
    """The definition of a stopped guest that is reached by a port of the host's loopback only."""
    return guests.define(Layout.BIOS, guests.disk(Layout.BIOS, NAME))


@pytest.mark.turn(1, 4)
def test_a_guest_is_rescued_from_another_machine(
    host: Machine, far: Member, server: Server, guests: Guests, far1: str
) -> None:
    key = f"{ELSEWHERE.home}/.ssh/id_ed25519.pub"
    found = far.enter(NAME, "--ssh-key", key).json("rescue-enter")
    assert found["seen"] == {"agent": True, "ssh": True}
    access = found["access"]
    assert access["via"] == f"{MEMBER.name}@127.0.0.1:{server.port}"
    assert f"target 127.0.0.1 port {access['ssh_port']}" in server.log()
    assert guests.stay_media() == []

    inside = far("ssh", NAME, "--", "findmnt -rn /dev/vda1; lsblk -rno NAME /dev/vda")
    assert (inside.status, inside.out.split()) == (0, ["vda", "vda1"]), inside.err
    assert far("ssh", NAME, "--", "false").status == 1
    plain = subprocess.run(
        far.machine.words(
            ELSEWHERE, "sh", "-c", access["ssh_command"] + " $0 true", "-oBatchMode=yes"
        ),
        env=far.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Host key verification failed" in plain.stderr  # it got there, and was not trusted
    shown = far.at_a_terminal("console", NAME, wanted="Connected", typed=b"\r\x1d")
    assert "Left the console" in shown
    picture = f"{ELSEWHERE.home}/far.png"
    far("screenshot", NAME, picture, "--json").json("screenshot")
    assert far.machine.path(picture).read_bytes().startswith(b"\x89PNG")
    (screen,) = far("vnc", NAME, "--json").json("vnc")["screens"]
    assert screen["viewer"][:2] == ["virt-viewer", "--connect"]

    left = far("rescue", "exit", NAME, "--json").json("rescue-exit")
    assert left["differences"] == [] and left["boot"]["verdict"] == "stays stopped"
    assert guests.definition(NAME) == far1 and guests.stay_media() == []


def test_an_entering_from_afar_that_is_killed_is_left_from_afar(
    host: Machine, far: Member, guests: Guests
) -> None:
    before = guests.define_bare(NAME)
    words = ("rescue", "enter", NAME, "--generate-password", "--no-wait")
    far.killed_at("start the rescue system", *words)
    far("rescue", "exit", NAME, "--json").json("rescue-exit")
    assert guests.definition(NAME) == before and guests.stay_media() == []


def test_host_check_from_afar_tells_of_the_host(far: Member) -> None:
    items = far("host", "check", "--json").json("host-check")["items"]
    details = {item["name"]: item["detail"] for item in items}
    assert "lifebuoy-host" in details["libvirt"] and "/dev/kvm" not in details
    assert "/var/lib/lifebuoy/media" in details["storage"]


def test_an_unknown_host_is_not_trusted(laptop: Machine, host: Machine) -> None:
    other = sshd.start(host, "ssh-unknown", public_key(laptop, "to the host"))
    error = Member(laptop, ELSEWHERE, uri(other, MEMBER))("list", "--json").error()
    assert error["code"] == "cannot-connect" and "Host key verification failed" in error["message"]
    trusting = Member(laptop, ELSEWHERE, uri(other, MEMBER) + "&no_verify=1")
    assert trusting("list", "--json").status == 0


@pytest.mark.parametrize("transport", ["libssh", "libssh2"])
def test_other_ssh_transports_reach_the_host_too(
    laptop: Machine, server: Server, transport: str
) -> None:
    folder = f"{ELSEWHERE.home}/.ssh"
    known = f"&known_hosts={folder}/known_hosts&sshauth=privkey"
    other = uri(server, MEMBER).replace("+ssh:", f"+{transport}:").replace("&no_tty=1", known)
    answer = Member(laptop, ELSEWHERE, other)("list", "--json")
    assert answer.status == 0, answer.err


@pytest.mark.slow
def test_where_the_host_forwards_nothing_the_agent_is_enough_and_it_is_said(
    laptop: Machine, host: Machine, guests: Guests, far1: str
) -> None:
    strict = sshd.start(
        host, "ssh-strict", public_key(laptop, "to the host"), "AllowTcpForwarding no"
    )
    with laptop.path(f"{ELSEWHERE.home}/.ssh/known_hosts").open("a") as known:
        known.write(strict.host_key)
    member = Member(laptop, ELSEWHERE, uri(strict, MEMBER))
    entered = member("rescue", "enter", NAME, "--generate-password")
    assert entered.status == 0 and "the guest agent answers" in entered.out
    assert "administratively prohibited" in entered.out
    assert member("rescue", "exit", NAME).status == 0
    assert guests.definition(NAME) == far1


def test_a_tunnel_tells_a_shut_host_from_a_silent_guest(
    laptop: Machine, host: Machine, server: Server
) -> None:
    key = str(laptop.path(f"{ELSEWHERE.home}/.ssh/to the host"))
    trusting = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    options = ("-i", key, *trusting)
    hop = SshHop("127.0.0.1", MEMBER.name, server.port, options)
    for shut in (SshHop("127.0.0.1", "nobody-here", server.port, options), SshHop("[::", port=1)):
        with pytest.raises(NoWay), through(shut, "127.0.0.1", server.port) as stream:
            assert stream.recv(4) == b"SSH-"
    with through(hop, "127.0.0.1", server.port) as stream:
        assert stream.recv(4) == b"SSH-"
    with pytest.raises(EOFError), through(hop, "127.0.0.1", login.free_port()) as stream:
        if not stream.recv(4):
            raise EOFError


@pytest.mark.slow
def test_backup_points_of_a_guest_on_another_machine(
    host: Machine, far: Member, guests: Guests
) -> None:
    disk = guests.blank("far2")
    before = guests.define(Layout.BIOS, disk)
    made = far("backup", "create", "far2", "--json").json("backup-create")
    copy = far("backup", "create", "far2", "--copy", "--json").json("backup-create")
    assert guests.definition("far2") != before
    for point in (made, copy):
        assert far("backup", "verify", point["id"], "--json").json("backup-verify")["ok"]
    far("backup", "restore", made["id"], "--json").json("backup-restore")
    for point in (made, copy):
        answer = far("backup", "delete", point["id"], "--json").json("backup-delete")
        assert answer["merges_left"] == 0
    assert guests.definition("far2") == before
    folder = host.path(FOLDER)
    assert [one.name for one in folder.iterdir() if "far2" in one.name] == ["far2.qcow2"]
