"""The ssh command that ``lifebuoy ssh`` runs: it trusts the stay's host key and no other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lifebuoy.cli.ssh import command_line
from lifebuoy.hypervisor import SshHop
from lifebuoy.model import Phase, Stay
from lifebuoy.rescue.access import Access, ssh_words
from lifebuoy.rescue.seed import make_host_key

KEY = make_host_key().public
HOP = SshHop("host1", "root", 2200)
STAY = Stay(
    Phase.RESCUE, "abc123", "2026-01-01T00:00:00Z", False, False, "lifebuoy", KEY, "<domain/>"
)


def access(*, via: SshHop | None = None, port: int = 2222) -> Access:
    return Access("127.0.0.1", port, KEY, via, "", True)


def test_only_the_host_key_of_the_stay_is_trusted(tmp_path: Path) -> None:
    command = command_line(STAY.session, access(), tmp_path, [])
    assert "StrictHostKeyChecking=yes" in command and "GlobalKnownHostsFile=/dev/null" in command
    assert (tmp_path / "known_hosts").read_text() == f"lifebuoy-abc123 {KEY}\n"
    shown = subprocess.run(
        [*command[:1], "-G", *command[1:]], capture_output=True, text=True, check=True
    ).stdout.lower()
    assert f"userknownhostsfile {tmp_path}/known_hosts\n".lower() in shown
    assert "hostkeyalias lifebuoy-abc123\n" in shown and "port 2222\n" in shown


def test_a_remote_one_goes_through_its_host(tmp_path: Path) -> None:
    command = command_line(STAY.session, access(via=HOP), tmp_path, ["lsblk", "-f"])
    assert command[command.index("-J") + 1] == "root@host1:2200"
    assert command[-3:] == ["root@127.0.0.1", "lsblk", "-f"]
    assert ssh_words(access(via=HOP, port=22)) == [
        *("ssh", "-J", "root@host1:2200", "root@127.0.0.1")
    ]


@pytest.mark.parametrize("port", [22, 2222])
def test_the_plain_command_names_a_port_only_where_needed(port: int) -> None:
    assert ("-p" in ssh_words(access(port=port))) is (port != 22)
