"""The moments at which something outside the process changes, and the end of the process at one.

Nothing of the product knows of it. What Python, libvirt's binding and SQLAlchemy announce is
heard: every call of libvirt that is not known to only read, every change in the file system,
every program started, every commit, every piece of a long copy. Killing right before one is the
same as killing at any time since the one before.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_READS: Final = re.compile(
    r"vir(Event|Get|Error|Reset|Set(Error|Log)|Register|TypedParam|Initialize|Stream"
    r"|\w+?(Get|Is|List|Lookup|Has|NumOf|Free|Ref$|XMLDesc|Info$|EventRegister|EventDeregister)"
    r"|ConnectOpen|ConnectClose|ConnectSetKeepAlive|NodeDevice|DomainSnapshotNum|StoragePoolRefresh"
    r"|ConnectRegisterCloseCallback|DomainState)"
)
_CHANGES: Final = frozenset(
    {
        *("os.link", "os.symlink", "os.remove", "os.rename", "os.mkdir", "os.rmdir"),
        *("os.chmod", "os.chown", "os.truncate", "os.setxattr", "subprocess.Popen"),
    }
)
_CLONE: Final = 0x40049409
_RANDOM: Final = re.compile(r"[0-9a-f]{8,}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?|\d{2,}")
_WRITES: Final = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"?([\w.]+)", re.I)

#: Told the name of the boundary that comes next.
Heard = Callable[[str], None]


class Ear:
    """Hears the boundaries of this process, once ``listen`` was called; never twice a process."""

    def __init__(self, heard: Heard, home: Path) -> None:
        self._heard = heard
        self._home = str(home)
        self._step = "before the operation"
        self._counts: Counter[str] = Counter()
        self._written: dict[int, list[str]] = {}
        self._inside = threading.local()

    def listen(self) -> None:
        """Hear everything from now on."""
        self._hear_steps()
        self._hear_libvirt()
        self._hear_database()
        self._hear_copying()
        sys.addaudithook(self._audit)

    def _at(self, event: str) -> None:
        if getattr(self._inside, "busy", False) or _is_beside():
            return
        self._inside.busy = True
        try:
            name = f"{self._step}: {_RANDOM.sub('*', event)}"
            self._counts[name] += 1
            self._heard(f"{name} #{self._counts[name]}")
        finally:
            self._inside.busy = False

    def _hear_steps(self) -> None:
        from lifebuoy.operations.journal import Journey

        def within(name: str, work: Callable[..., Any], after: str) -> Callable[..., Any]:
            def worked(journey: Any, *step: Any) -> Any:
                self._step = f"{name}{step[0].name}" if step else name
                found = work(journey, *step)
                self._step = f"{after} {self._step}"
                return found

            return worked

        for method, name in (("_begin", "begin"), ("_do", ""), ("_undo", "undo ")):
            setattr(Journey, method, within(name, getattr(Journey, method), "after"))

    def _hear_libvirt(self) -> None:
        import libvirt_qemu
        import libvirtmod
        import libvirtmod_qemu

        assert libvirt_qemu
        for module in (libvirtmod, libvirtmod_qemu):
            for name in dir(module):
                call = getattr(module, name)
                if name.startswith("vir") and callable(call) and not _READS.match(name):
                    setattr(module, name, self._announced(name, call))

    def _announced(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def announced(*words: Any) -> Any:
            self._at(name)
            return call(*words)

        return announced

    def _hear_database(self) -> None:
        from sqlalchemy import Engine, event

        def told(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if found := _WRITES.match(statement):
                self._written.setdefault(id(connection), []).append(found[2])

        def committed(connection: Any) -> None:
            tables = self._written.pop(id(connection), [])
            if tables:
                self._at(f"commit {'+'.join(sorted(set(tables)))}")

        def rolled_back(connection: Any) -> None:
            self._written.pop(id(connection), None)

        event.listen(Engine, "before_cursor_execute", told)
        event.listen(Engine, "commit", committed)
        event.listen(Engine, "rollback", rolled_back)

    def _hear_copying(self) -> None:
        """A long copy asks between two pieces whether it shall stop."""
        from lifebuoy import interruption

        true = interruption.checkpoint

        def checkpoint() -> None:
            if sys._getframe(1).f_code.co_name in {"_copy_data", "digest", "send"}:
                self._at("piece of a copy")
            true()

        for module in list(sys.modules.values()):
            if getattr(module, "checkpoint", None) is true:
                setattr(module, "checkpoint", checkpoint)  # noqa: B010 - mypy knows no such name

    def _audit(self, event: str, words: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = words
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and isinstance(path, str | Path) and str(path).startswith(self._home):
                self._at(f"open {Path(path).name}")
        elif event in _CHANGES:
            self._at(f"{event} {_words(words)}")
        elif event == "fcntl.ioctl" and words[1] == _CLONE:
            self._at("clone")


def _is_beside() -> bool:
    """Whether this is a thread of DBOS that no operation waits for."""
    name = threading.current_thread().name
    return name.startswith("dbos-") and not name.startswith("dbos-executor")


def _words(words: tuple[Any, ...]) -> str:
    for word in words:
        if isinstance(word, str | Path) and str(word):
            return Path(word).name
        if isinstance(word, bytes):
            return Path(os.fsdecode(word)).name
    return ""


def die() -> None:
    """What ``kill -9`` does to this process, at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def dies_at(name: str) -> Heard:
    """Ends the process at the boundary of that name."""

    def heard(boundary: str) -> None:
        if boundary == name:
            die()

    return heard


def notes(path: Path) -> Heard:
    """Writes all boundaries into a file, a line each."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def heard(boundary: str) -> None:
        os.write(descriptor, f"{boundary}\n".encode())

    return heard
