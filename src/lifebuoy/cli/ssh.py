"""``lifebuoy ssh``: OpenSSH into the rescue system, with its host key checked."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lifebuoy.cli import options
from lifebuoy.cli.session import of
from lifebuoy.errors import HostTrouble, MissingTool, NotAllowed, Refused
from lifebuoy.hypervisor import Host
from lifebuoy.model import InstanceState
from lifebuoy.rescue import access as ways
from lifebuoy.rescue import record
from lifebuoy.rescue.access import Access


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "ssh",
        epilog="Examples:\n\n$ lifebuoy ssh web1\n\n$ lifebuoy ssh web1 -- lsblk -f\n\n"
        "Exit status: that of ssh, which is that of the command.",
    )(ssh)


def ssh(
    context: typer.Context,
    name: options.Name,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CMD...]",
            help="A command to run instead of a shell.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Log in to the rescue system of an instance as root.

    The host key of this stay is checked, so that the password goes to the rescue system and to
    nobody else; your own known_hosts is neither read nor written. A remote instance is reached
    through its host.
    """
    if shutil.which("ssh") is None:
        raise MissingTool(
            "ssh is not on this machine",
            hint="Debian, Ubuntu: openssh-client; Fedora: openssh-clients",
        )
    session = of(context)
    if server := session.server:
        there = session.there(server, name, looking=True)
        status = server.rescue(there)
        stay_id, access = status.session, status.access
        _require_host_key(there.name, access.host_key)
        _require_reachable(there.name, access)
    else:
        with session.look(name) as (found, name):
            stay_id, access = _find(found.host, name)
    with tempfile.TemporaryDirectory(prefix="lifebuoy-") as folder:
        words = command_line(stay_id, access, Path(folder), command or [])
        with _signals_left_to_ssh():
            ended = subprocess.run(words, check=False).returncode
    raise typer.Exit(ended if ended >= 0 else 128 - ended)


def command_line(stay_id: str, access: Access, folder: Path, command: list[str]) -> list[str]:
    """The ssh command into that stay; its known_hosts is written into ``folder``."""
    alias = f"lifebuoy-{stay_id}"
    known = folder / "known_hosts"
    known.write_text(f"{alias} {access.host_key}\n")
    options_ = {
        "HostKeyAlias": alias,
        "UserKnownHostsFile": f'"{known}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": access.host_key.split()[0],
        "UpdateHostKeys": "no",
        "ControlPath": "none",
        "LogLevel": "ERROR",
    }
    words = ["ssh"]
    for key, value in options_.items():
        words += ["-o", f"{key}={value}"]
    if access.via:
        words += access.via.jump()
    return [*words, "-p", str(access.ssh_port), f"{access.user}@{access.ssh_host}", *command]


def _find(host: Host, name: str) -> tuple[str, Access]:
    """The stay's id, and the way in."""
    domain = host.domain(name)
    stay = record.read(domain)
    state = record.state_of(domain, stay)
    if stay is None or state is not InstanceState.RESCUE_MODE:
        raise NotAllowed(
            f"'{domain.name}' is {state}: this goes into the rescue system only",
            hint=f"lifebuoy rescue enter {domain.name}",
        )
    _require_host_key(domain.name, stay.host_key)
    access = ways.find(host, domain, stay.host_key, open_way=True)
    _require_reachable(domain.name, access)
    return stay.session, access


def _require_host_key(name: str, host_key: str) -> None:
    if not host_key:
        raise Refused(
            f"no host key is known of the rescue system of '{name}'",
            hint="log in on its screen: lifebuoy vnc, or its serial console: lifebuoy console",
        )


def _require_reachable(name: str, access: Access) -> None:
    if access.ssh_host is None:
        raise HostTrouble(
            f"no address is known of the rescue system of '{name}'",
            hint="wait until it has started, or use lifebuoy console or lifebuoy vnc",
            safe="",
        )
    if access.obstacle:
        raise Refused(
            f"'{name}' cannot be reached by SSH from here: {access.obstacle}",
            hint=f"on the host: ssh -p {access.ssh_port} {access.user}@{access.ssh_host}; "
            "or use lifebuoy console, lifebuoy vnc",
        )


@contextmanager
def _signals_left_to_ssh() -> Iterator[None]:
    """Ctrl-C is for the program at the other end. Not SIG_IGN: ssh would inherit that."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
