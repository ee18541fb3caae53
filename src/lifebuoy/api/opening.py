"""Opens a console within the deadline of its host; what comes later is closed again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lifebuoy.console.channel import Channel, open_screen
from lifebuoy.console.kind import ConsoleKind
from lifebuoy.console.tickets import Admission
from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Host, SerialConsole
from lifebuoy.operations import consoles
from lifebuoy.operations.reach import Reach

Opened = Channel | SerialConsole


def opened(hosts: Reach, admission: Admission) -> Opened:
    """The console that was admitted to.

    Raises:
        LifebuoyError: it cannot be had.
    """
    lock, late, made = threading.Lock(), threading.Event(), list[Opened]()

    def question(host: Host) -> None:
        found = _opener(admission)(host)
        with lock:
            if not late.is_set():
                made.append(found)
                return
        found.close()

    (answer,) = hosts.ask(question, [admission.host])
    with lock:
        late.set()
    if answer.error is None and made:
        return made[0]
    for found in made:
        found.close()
    raise answer.error or HostTrouble("the console could not be opened", safe="")


def _opener(admission: Admission) -> Callable[[Host], Opened]:
    def screen(host: Host) -> Opened:
        return open_screen(host, consoles.allowed(host, admission))

    def serial(host: Host) -> Opened:
        return consoles.allowed(host, admission).open_serial(force=admission.force)

    return screen if admission.kind is ConsoleKind.VNC else serial
