"""``lifebuoy console``: an instance's serial console in this terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol

import typer

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.errors import BadInput, HostTrouble, TimedOut
from lifebuoy.interruption import BackgroundThread
from lifebuoy.model import Action
from lifebuoy.operations.status import require_allowed

_LEAVE: Final = b"\x1d"  # Ctrl-]
_POLL_S: Final = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("console", epilog="Example:\n\n$ lifebuoy console web1")(console)


def console(
    context: typer.Context,
    name: options.Name,
    force: Annotated[
        bool, options.flag("--force", help="Take the console over from whoever has it open.")
    ] = False,
) -> None:
    """Open an instance's serial console in this terminal; Ctrl-] leaves it.

    It works without any network in the guest. Press Enter if nothing shows.
    """
    session, why = of(context), ""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        is_here = not session.settings.client.url  # the log is not to be had through a server
        hint = f"to read only: lifebuoy bootlog {name}" if is_here else ""
        raise BadInput("a console needs a terminal", hint=hint)
    if server := session.server:
        from lifebuoy.client.console import serial as open_serial

        there = session.there(server, name, looking=True)
        with open_serial(server, there, force=force) as line:
            ended = _connected(there.name, line)
            why = line.why
    else:
        with session.look(name) as (found, name):
            domain = require_allowed(found.host, name, Action.CONSOLE)
            with domain.open_serial(force=force) as serial:
                ended = _connected(domain.name, serial)
    by_other = "The console was closed by the other side" + (f": {why}." if why else ".")
    output.note("", by_other if ended else "Left the console.")


class Line(Protocol):
    """A serial console that is open."""

    def read(self, timeout_s: float, /) -> bytes:
        """What came; EOFError at the end."""

    def write(self, data: bytes, timeout_s: float) -> None:
        """Type something."""


def _connected(name: str, serial: Line) -> bool:
    output.note(f"Connected to '{name}'. Ctrl-] leaves. Press Enter if it is quiet.")
    return _talk(serial)


def _talk(serial: Line) -> bool:
    """Pass bytes both ways until the user leaves; True if the other side ended it."""
    over = threading.Event()
    printer = BackgroundThread(_print, serial, over, name="console")
    with _raw(sys.stdin.fileno()):
        printer.start()
        try:
            while not over.is_set():
                if not select.select([sys.stdin], [], [], _POLL_S)[0]:
                    continue
                typed = os.read(sys.stdin.fileno(), 4096)
                ours, leave, _ = typed.partition(_LEAVE)
                _send(serial, ours)
                if leave or not typed:
                    return False
            return True
        finally:
            over.set()
            printer.join(2 * _POLL_S)


def _send(serial: Line, typed: bytes) -> None:
    if not typed:
        return
    try:
        serial.write(typed, timeout_s=2.0)
    except TimedOut:
        return  # a guest that does not read its console: what is typed is lost, as on any
    except EOFError:
        return  # the printer sees it too


def _print(serial: Line, over: threading.Event) -> None:
    while not over.is_set():
        try:
            _write_all(serial.read(_POLL_S))
        except (EOFError, HostTrouble, OSError):
            over.set()


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Every key goes to the guest, Ctrl-C too; the terminal is as it was afterwards."""
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
