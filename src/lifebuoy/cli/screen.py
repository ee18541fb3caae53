"""``lifebuoy vnc`` and ``lifebuoy screenshot``: an instance's screen."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.errors import BadInput, HostTrouble, MissingTool, Refused
from lifebuoy.hypervisor import Domain, Graphics, Host
from lifebuoy.model import Action
from lifebuoy.operations.status import require_allowed


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a screen can be seen. ``tunnel`` is what brings a remote port here; or empty."""

    type: str
    address: str
    tunnel: str
    viewer: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("vnc", epilog="Examples:\n\n$ lifebuoy vnc web1\n\n$ lifebuoy vnc web1 --open")(vnc)
    app.command("screenshot", epilog="Example:\n\n$ lifebuoy screenshot web1 web1.png")(screenshot)


def vnc(
    context: typer.Context,
    name: options.Name,
    open_: Annotated[bool, options.flag("--open", help="Start a viewer on this machine.")] = False,
    json: options.Json = False,
) -> None:
    """Tell how to see an instance's screen; with --open, start a viewer.

    The screen works without any network in the guest: it is the way in when SSH is not.
    """
    session = of(context)
    if server := session.server:
        there = session.there(server, name, looking=True)
        session.require_here(
            "a screen is shown in a browser there", hint=f"open {server.url}{there.path}"
        )
    with session.look(name) as (found, name):
        domain = require_allowed(found.host, name, Action.CONSOLE)
        screens = [_screen(found.host, domain, graphics) for graphics in domain.graphics()]
    if not screens:
        raise Refused(f"'{name}' has no graphics", hint=f"lifebuoy console {name}")
    if open_:
        _require_viewer(screens[0])
    if json:
        output.print_json({"instance": name, "screens": screens})
    for screen in screens if not json else []:
        output.facts(
            [
                (screen.type, screen.address),
                ("first", screen.tunnel),
                ("viewer", " ".join(screen.viewer)),
            ]
        )
    if open_:
        _start_viewer(screens[0])


def screenshot(
    context: typer.Context,
    name: options.Name,
    file: options.OutputFile,
    json: options.Json = False,
) -> None:
    """Save what an instance's screen shows now, as PNG."""
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise BadInput(f"cannot write {file}", hint="give the name of a file in a folder there is")
    session = of(context)
    if server := session.server:
        there = session.there(server, name, looking=True)
        name, picture = there.typed, server.link.bytes_of(f"{there.path}/screenshot")
    else:
        with session.look(name) as (found, name):
            picture = require_allowed(found.host, name, Action.CONSOLE).screenshot_png()
    _write(file, picture)
    if json:
        output.print_json({"instance": name, "file": file, "size_bytes": len(picture)})
    else:
        output.say(f"{file}: {len(picture)} bytes")


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise BadInput(f"cannot write {file}: {error.strerror}") from error


def _screen(host: Host, domain: Domain, graphics: Graphics) -> Screen:
    listen = graphics.listen if graphics.listen not in {"", "0.0.0.0", "::"} else "127.0.0.1"
    if host.is_remote:
        return _remote(host, domain, graphics, listen)
    if graphics.port:
        address = f"{listen}:{graphics.port}"
        return Screen(graphics.type, address, "", ("remote-viewer", f"{graphics.type}://{address}"))
    if graphics.socket:
        url = f"{graphics.type}+unix://{graphics.socket}"
        return Screen(graphics.type, graphics.socket, "", ("remote-viewer", url))
    viewer = () if host.is_embedded else ("virt-viewer", "--connect", host.uri, domain.name)
    return Screen(graphics.type, "through libvirt only", "", viewer)


def _remote(host: Host, domain: Domain, graphics: Graphics, listen: str) -> Screen:
    """A remote screen goes through an SSH channel; no port is opened to a network."""
    viewer = ("virt-viewer", "--connect", host.uri, "--uuid", domain.uuid)
    where = f"{listen}:{graphics.port}" if graphics.port else graphics.socket
    if not where or host.ssh_hop is None:
        return Screen(graphics.type, where or "through libvirt only", "", viewer)
    tunnel = host.ssh_hop.command("-N", "-L", f"5999:{where}")
    name = host.ssh_hop.destination
    return Screen(graphics.type, f"{where} on {name}", shlex.join(tunnel), viewer)


def _require_viewer(screen: Screen) -> None:
    if not screen.viewer:
        raise HostTrouble("this screen cannot be opened from another process")
    if shutil.which(screen.viewer[0]) is None:
        raise MissingTool(
            f"{screen.viewer[0]} is not on this machine",
            hint="install virt-viewer (Debian, Ubuntu, Fedora: package virt-viewer)",
        )


def _start_viewer(screen: Screen) -> None:
    subprocess.Popen(
        screen.viewer,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
