"""One operation at a time per instance, whoever asks and from whichever machine.

The lock is a small file in the host's own media store, created atomically through libvirt. It
names its holder; the lock of a process that is gone is taken over by creating the next number, so
that of several takers one wins.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lifebuoy.errors import Busy, NotFound
from lifebuoy.hypervisor import MediaStore

#: A holder on another machine cannot be looked at; it counts as gone after this long.
_FOREIGN_LIFE_S: Final = 3600.0
_SETTLE_S: Final = 2.0
_ENDED: Final = frozenset("ZXx")


def _prefix(uuid: str) -> str:
    return f"lock-{uuid}-"


def holder(
    store: MediaStore, uuid: str, counts: Callable[[str], bool] = lambda operation: True
) -> str | None:
    """Who is at work on the instance, in words, or None; ``counts`` says whose operations do."""
    for name in _names(store, uuid):
        facts = _facts(store, name)
        if facts is not None and counts(str(facts.get("operation", ""))) and _alive(facts):
            return f"process {facts.get('pid')} on {facts.get('host')}, since {facts.get('since')}"
    return None


def _unknown(_operation: str) -> bool:
    """Nothing is known of operations."""
    return False


@contextmanager
def held(
    store: MediaStore,
    uuid: str,
    name: str,
    doing: str,
    *,
    operation: str = "",
    is_over: Callable[[str], bool] = _unknown,
) -> Iterator[None]:
    """Hold the instance's lock for the block.

    With ``operation`` it is held for that operation: a lock that another process left for the
    same one is taken over, as the database has said already that that process is gone. So is that
    of an operation of which ``is_over`` knows that it has ended.

    Raises:
        Busy: somebody else holds it; says who.
    """
    mine = _acquire(store, uuid, name, doing, operation, is_over)
    try:
        yield
    finally:
        store.remove(mine, wipe=False)


def _acquire(
    store: MediaStore,
    uuid: str,
    name: str,
    doing: str,
    operation: str,
    is_over: Callable[[str], bool],
) -> str:
    def counts(other: str) -> bool:
        return not other or (other != operation and not is_over(other))

    stale = _names(store, uuid)
    who = holder(store, uuid, counts)
    if who is not None:
        raise busy(name, who)
    number = max((_number(one) for one in stale), default=0) + 1
    mine = f"{_prefix(uuid)}{number}"
    if not store.claim(mine, _me(doing, operation)):
        raise busy(name, holder(store, uuid))
    others = [one for one in _names(store, uuid) if one not in {mine, *stale}]
    if any((facts := _facts(store, one)) is not None and _alive(facts) for one in others):
        store.remove(mine, wipe=False)
        raise busy(name, holder(store, uuid))
    for one in stale:
        store.remove(one, wipe=False)
    return mine


def busy(name: str, who: str | None) -> Busy:
    """The error for an instance that ``who`` is at work on."""
    return Busy(
        f"somebody else is at work on '{name}'" + (f": {who}" if who else ""),
        hint="wait for it to end, then ask again",
    )


def _names(store: MediaStore, uuid: str) -> list[str]:
    wanted = re.compile(re.escape(_prefix(uuid)) + r"\d+")
    return [file.name for file in store.list() if wanted.fullmatch(file.name)]


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _me(doing: str, operation: str) -> bytes:
    facts = {
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "processes": _pid_namespace(),
        "pid": os.getpid(),
        "born": _born(os.getpid()),
        "time": time.time(),
        "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "doing": doing,
        "operation": operation,
    }
    return json.dumps(facts).encode()


def _facts(store: MediaStore, name: str) -> dict[str, object] | None:
    """What the lock says; its content may appear a moment after its name. None if it is gone."""
    deadline = time.monotonic() + _SETTLE_S
    while True:
        try:
            found = json.loads(store.read(name).rstrip(b"\0"))
            if isinstance(found, dict):
                return found
        except NotFound:
            return None
        except ValueError:
            pass
        if time.monotonic() > deadline:
            return {}
        time.sleep(0.1)


def _alive(facts: dict[str, object]) -> bool:
    here = {"host": socket.gethostname(), "boot": _boot_id(), "processes": _pid_namespace()}
    if all(facts.get(name) == value for name, value in here.items()):
        pid = facts.get("pid")
        return isinstance(pid, int) and _born(pid) == facts.get("born")
    began = facts.get("time")
    return isinstance(began, float) and time.time() - began < _FOREIGN_LIFE_S


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    """What tells containers on one machine apart: a number of theirs means nothing here."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When a process began, in the kernel's ticks (field 22 of proc(5)'s stat); '' if it is gone.

    So is one that has ended and whose parent has not asked for its status yet.
    """
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in _ENDED else rest[18]
    except (OSError, IndexError, ValueError):
        return ""
