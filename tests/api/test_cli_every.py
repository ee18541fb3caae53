"""Every command with ``--server``: it does its work there, or refuses on purpose. A new command
without its row fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from lifebuoy.cli.app import app
from tests.api.remote import Remote, remote
from tests.api.server import PASSWORD, Server

#: Refused, and nothing of this machine is touched.
REFUSED: Final = {
    "vnc": "test",
    "bootlog": "test",
    "events": "",
    "worker": "",
    "serve": "--listen 127.0.0.1:0",
    "image build": "",
    "image add": "/nowhere.iso --id x --name x",
    "image remove": "x",
    "host add": "x qemu:///system",
    "host remove": "x",
    "operations resume": "",
    "account link": "owner 248289761001",
    "account unlink": "owner",
}
#: Asked of the server, and what it answers: done, or why not.
SERVED: Final = {
    "audit": ("", ""),
    "list": ("", ""),
    "show": ("test", ""),
    "start": ("nobody", "instance-not-found"),
    "stop": ("test --stop hard", "consent-needed"),
    "reboot": ("nobody", "instance-not-found"),
    "renew": ("test --until 2001-01-01", "bad-input"),
    "screenshot": ("nobody there.png", "instance-not-found"),
    "diagnose": ("test", "not-found"),
    "doctor": ("test", "not-allowed"),
    "repair": ("test --dry-run", "not-allowed"),
    "rescue enter": ("test --dry-run", "image-not-found"),
    "rescue exit": ("test", "not-allowed"),
    "rescue status": ("test", "not-allowed"),
    "rescue list": ("", ""),
    "rescue password": ("test --generate-password", "not-allowed"),
    "backup create": ("test", "not-allowed"),
    "backup list": ("test", ""),
    "backup show": ("3f9a", "backup-point-not-found"),
    "backup restore": ("3f9a", "backup-point-not-found"),
    "backup undo": ("test", "not-allowed"),
    "backup delete": ("3f9a --dry-run", "backup-point-not-found"),
    "backup verify": ("3f9a", "backup-point-not-found"),
    "backup quota": ("nobody --points 2", "instance-not-found"),
    "backup tidy": ("nobody", "instance-not-found"),
    "image list": ("", ""),
    "image verify": ("none", "image-not-found"),
    "image default": ("none", "image-not-found"),
    "host list": ("", ""),
    "host check": ("nowhere", "not-found"),
    "operations list": ("", ""),
    "operations show": ("0000", "operation-not-found"),
    "operations watch": ("0000", "operation-not-found"),
    "operations cancel": ("0000", "operation-not-found"),
    "account add": ("admin --role admin --password-stdin", "refused"),
    "account list": ("", ""),
    "account remove": ("nobody", "account-not-found"),
    "account password": ("nobody --password-stdin", "account-not-found"),
    "account totp-reset": ("owner", "refused"),
    "account grant": ("nobody test", "account-not-found"),
    "account revoke": ("owner test", "account-not-found"),
    "api-key add": ("nobody", "account-not-found"),
    "api-key list": ("", ""),
    "api-key remove": ("00", "account-not-found"),
}
#: Of this machine with or without a server; or what needs a terminal or a rescue system first.
ASIDE: Final = {"config show", "console", "ssh"}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    """All that can be called."""
    children = getattr(command, "commands", {})
    if not children:
        yield " ".join(words)
    for name, child in children.items():
        yield from commands(child, (*words, name))


@pytest.fixture(scope="module")
def admin(played: Server) -> Remote:
    """The command line of somebody who may do everything."""
    return remote(played, "admin", "read", "act", "administer")


def test_every_command_has_its_row() -> None:
    assert set(commands(typer.main.get_command(app))) == {*REFUSED, *SERVED, *ASIDE}


@pytest.mark.parametrize("line", REFUSED)
def test_what_only_a_machine_can_do_is_refused_with_the_reason(admin: Remote, line: str) -> None:
    before = set(admin.home.rglob("*"))
    answer = admin(*line.split(), *REFUSED[line].split(), "--json")
    if line == "events":  # its --json is of lines
        answer = admin("events")
        assert answer.status == 3 and "only-here" in answer.err
        return
    error = answer.error()
    assert error["code"] == "only-here" and error["hint"] and admin.url in error["message"]
    assert {path for path in set(admin.home.rglob("*")) - before if "images" in path.parts} == set()


@pytest.mark.parametrize("line", SERVED)
def test_what_a_server_can_do_it_is_asked_for(admin: Remote, line: str, tmp_path: Path) -> None:
    arguments, code = SERVED[line]
    words = arguments.replace("there.png", str(tmp_path / "there.png")).split()
    answer = admin(*line.split(), *words, "--json", stdin=PASSWORD + "\n")
    if code:
        assert answer.error()["code"] == code
    else:
        assert answer.status == 0, answer.err
