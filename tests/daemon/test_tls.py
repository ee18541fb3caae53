"""A host reached by TLS and certificates, from another machine and with no SSH to it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Final

import pytest

from lab.layout import Layout
from tests.daemon.certificates import Authority, put
from tests.daemon.conftest import IDLE, add_idle
from tests.daemon.elsewhere import ELSEWHERE
from tests.daemon.guests import FOLDER, Guests
from tests.daemon.machine import LOOPBACK, Machine, Tls
from tests.daemon.member import Member

NAME: Final = "sealed"


@pytest.fixture(scope="module")
def far(laptop: Machine, tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Member:
    """A user whose certificates are where libvirt looks for them without being told."""
    pki = laptop.path(f"{ELSEWHERE.home}/.pki")
    pki.mkdir()
    mine = tls.authority.client(ELSEWHERE.name)
    put(pki / "libvirt", "client", mine, [tls.authority], ELSEWHERE)
    os.chown(pki, ELSEWHERE.number, ELSEWHERE.number)
    add_idle(laptop, tmp_path_factory.mktemp("idle"))
    return Member(laptop, ELSEWHERE, f"qemu+tls://{LOOPBACK}:{tls.port}/system")


def with_certificates(far: Member, name: str, of: Authority, *trusted: Authority) -> Member:
    """The same user with a folder of that name: a certificate of one authority, whom they trust."""
    folder = far.machine.path(f"{ELSEWHERE.home}/{name}")
    put(folder, "client", of.client(ELSEWHERE.name), trusted, ELSEWHERE)
    return replace(far, uri=f"{far.uri}?pkipath={ELSEWHERE.home}/{name}")


def refusal(member: Member) -> dict[str, Any]:
    error = member("list", "--json").error()
    assert error["code"] == "cannot-connect" and "virsh -c" in error["hint"]
    return error


def test_a_named_host_is_checked_listed_and_its_guest_rescued_by_tls(
    far: Member, host: Machine, guests: Guests
) -> None:
    before = guests.define_bare(NAME)
    named = Member(far.machine, ELSEWHERE, images=IDLE)
    named("host", "add", "safe", far.uri, "--json").json("host")
    (checked,) = named("host", "check", "safe", "--json").json("host-check")["hosts"]
    details = {item["name"]: item["detail"] for item in checked["items"]}
    assert checked["ok"] and "lifebuoy-host" in details["libvirt"]
    (listed,) = named("list", "--json").json("instance-list")["instances"]
    assert (listed["name"], listed["host"]) == (NAME, "safe")
    named.enter(f"safe/{NAME}", "--no-wait").json("rescue-enter")
    assert "rescue-" in guests.definition(NAME)
    left = named("rescue", "exit", NAME, "--watch", "0", "--json").json("rescue-exit")
    assert left["differences"] == []
    assert guests.definition(NAME) == before and guests.stay_media() == []


@pytest.mark.slow
def test_start_stop_and_backup_points_by_tls(far: Member, host: Machine, guests: Guests) -> None:
    before = guests.define(Layout.BIOS, guests.blank(NAME))
    far("start", NAME, "--json").json("start")
    assert NAME in host.virsh("list", "--name").split()
    far("stop", NAME, "--stop", "hard", "--consent-force", "--json").json("stop")
    made = far("backup", "create", NAME, "--json").json("backup-create")
    copy = far("backup", "create", NAME, "--copy", "--json").json("backup-create")
    assert far("backup", "verify", copy["id"], "--json").json("backup-verify")["ok"]
    far("backup", "restore", made["id"], "--json").json("backup-restore")
    for point in (made, copy):
        far("backup", "delete", point["id"], "--json").json("backup-delete")
    assert guests.definition(NAME) == before
    assert [one.name for one in host.path(FOLDER).glob(f"*{NAME}*")] == [f"{NAME}.qcow2"]


@pytest.mark.slow
def test_where_there_is_no_ssh_to_the_host_the_agent_is_enough_and_it_is_said(
    far: Member, guests: Guests
) -> None:
    before = guests.define(Layout.BIOS, guests.disk(Layout.BIOS, NAME))
    entered = far("rescue", "enter", NAME, "--generate-password")
    assert entered.status == 0 and "the guest agent answers" in entered.out
    assert "no SSH to go through" in entered.out
    shown = far.at_a_terminal("console", NAME, wanted="Connected", typed=b"\r\x1d")
    assert "Left the console" in shown
    assert far("rescue", "exit", NAME, "--json").json("rescue-exit")["differences"] == []
    assert guests.definition(NAME) == before and guests.stay_media() == []


def test_certificates_named_in_the_uri_are_used(far: Member, tls: Tls) -> None:
    member = with_certificates(far, "named", tls.authority, tls.authority)
    assert member("list", "--json").status == 0


def test_a_certificate_that_the_host_does_not_trust_is_refused_with_what_to_do(
    far: Member, tls: Tls
) -> None:
    stranger = Authority("somebody else")
    member = with_certificates(far, "strange", stranger, stranger, tls.authority)
    assert "the host refuses clientcert.pem" in refusal(member)["hint"]


def test_a_host_that_the_user_does_not_trust_is_not_connected_to(far: Member, tls: Tls) -> None:
    stranger = Authority("somebody else")
    member = with_certificates(far, "wary", stranger, stranger)
    assert "cacert.pem here is not of who signed" in refusal(member)["hint"]


def test_a_host_by_a_name_that_its_certificate_does_not_bear_is_not_connected_to(
    far: Member,
) -> None:
    member = replace(far, uri=far.uri.replace(LOOPBACK, "localhost"))
    assert "does not bear the name by which the URI calls" in refusal(member)["hint"]


def test_missing_certificates_are_told(far: Member) -> None:
    member = replace(far, uri=f"{far.uri}?pkipath={ELSEWHERE.home}/nowhere")
    error = refusal(member)
    assert "nowhere/cacert.pem" in error["message"] and "pkipath" in error["hint"]
