"""Two hosts for one user on a third machine: one by SSH, the other by TLS, each with one guest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from lab import login
from lab.layout import Layout
from tests.daemon import elsewhere, machine
from tests.daemon.certificates import Authority, put
from tests.daemon.conftest import IDLE, MEMBER, add_idle
from tests.daemon.elsewhere import ELSEWHERE
from tests.daemon.guests import Guests
from tests.daemon.machine import LOOPBACK, Kind, Machine, Tls
from tests.daemon.member import Member
from tests.daemon.sshd import Server
from tests.libvirt.command import until, validated

NAME: Final = "same"


@dataclass(frozen=True)
class Second:
    """Another host, whose certificates are in the folder ``pki`` of the user's home."""

    machine: Machine
    tls: Tls

    def uri(self, pki: str) -> str:
        return f"qemu+tls://{LOOPBACK}:{self.tls.port}/system?pkipath={ELSEWHERE.home}/{pki}"


@contextmanager
def second(laptop: Machine, images: Any, name: str) -> Iterator[Second]:
    tls = Tls(Authority(name), login.free_port())
    folder = laptop.path(f"{ELSEWHERE.home}/pki-{name}")
    put(folder, "client", tls.authority.client("c"), [tls.authority], ELSEWHERE)
    with machine.started(Kind.HOST, (MEMBER,), images, tls, name) as made:
        yield Second(made, tls)


@pytest.fixture
def user(laptop: Machine, tmp_path: Any) -> Iterator[Member]:
    """Has an image that does nothing and no hosts yet."""
    if not laptop.path(IDLE).exists():
        add_idle(laptop, tmp_path)
    yield Member(laptop, ELSEWHERE, images=IDLE)
    laptop.path(f"{ELSEWHERE.home}/.config/lifebuoy/config.toml").unlink(missing_ok=True)


@contextmanager
def working(user: Member) -> Iterator[list[str]]:
    """What a worker says, line by line."""
    lines: list[str] = []
    with user.running("worker", "--json") as process:
        stream = process.stdout
        assert stream is not None

        def listen() -> None:
            lines.extend(str(validated(line, "worker-event")) for line in stream)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        yield lines
        process.kill()
        listener.join(10)
        process.stdout = None  # read to its end by the listener


def said(lines: list[str], *words: str) -> bool:
    return until(lambda: any(all(word in line for word in words) for line in list(lines)), 120)


@pytest.mark.slow
def test_guests_of_one_name_on_two_hosts_are_told_apart(
    laptop: Machine, server: Server, our_images: Any, user: Member, guests: Guests
) -> None:
    with second(laptop, our_images, "lifebuoy-second") as other:
        there = Guests(other.machine)
        both = {"near": guests, "far": there}
        user("host", "add", "near", elsewhere.uri(server, MEMBER), "--json").json("host")
        user("host", "add", "far", other.uri("pki-lifebuoy-second"), "--json").json("host")
        before = {}
        for name, on in both.items():
            before[name] = on.define(Layout.BIOS, on.blank(NAME))
        assert user("start", NAME, "--json").error()["code"] == "ambiguous-instance"
        ids = {
            name: user("backup", "create", f"{name}/{NAME}", "--json").json("backup-create")["id"]
            for name in both
        }
        listed = user("backup", "list", "--json").json("backup-list")["instances"]
        assert {one["host"]: one["points"][0]["id"] for one in listed} == ids
        user("backup", "restore", ids["far"], "--json").json("backup-restore")
        for id in ids.values():
            user("backup", "delete", id, "--json").json("backup-delete")
        assert {name: on.definition(NAME) for name, on in both.items()} == before
        words = ("--generate-password", "--queue", "--no-wait", "--json")
        for name in both:
            user("rescue", "enter", f"{name}/{NAME}", *words).json("operation")
        with working(user) as lines:
            for name in both:
                assert said(lines, f"{name}/{NAME}", "done"), lines
        for name, on in both.items():
            left = user("rescue", "exit", f"{name}/{NAME}", "--watch", "0", "--json")
            assert left.json("rescue-exit")["differences"] == []
            assert on.definition(NAME) == before[name] and on.stay_media() == []
        there.remove_all()


@pytest.mark.slow
def test_a_second_machine_of_one_name_is_not_served(
    laptop: Machine, host: Machine, server: Server, our_images: Any, user: Member
) -> None:
    with second(laptop, our_images, "lifebuoy-host") as other:
        user("host", "add", "near", elsewhere.uri(server, MEMBER), "--json").json("host")
        user("host", "add", "again", elsewhere.uri(server, MEMBER), "--json").json("host")
        with working(user) as lines:
            assert said(lines, "near", "connected") and said(lines, "again", "connected"), lines
            uri = other.uri("pki-lifebuoy-host")
            user("host", "add", "twin", uri, "--json").json("host")
            assert said(lines, "twin", "is another machine than", "lifebuoy-host"), lines
