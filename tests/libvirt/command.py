"""The ``lifebuoy`` command as a user runs it: its own process, its own home, its own hypervisor.

Also what it answers with (checked against the documented schemas), and a terminal to answer it at.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Final

import pycdlib
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import lifebuoy
from tests.libvirt import forked

SCHEMAS: Final = Path(__file__).parents[2] / "docs" / "schema"
DEADLINE_S: Final = 300.0
#: A boot record that waits for the power button and obeys it: enables that event (port 0x602),
#: halts until the next timer tick while it did not come (port 0x600), powers off (port 0x604).
_IDLE: Final = bytes.fromhex(
    "fb ba0206 b80001 ef f4 ba0006 ed f6c401 74f6 ba0406 b80020 ef f4 ebfd"
).ljust(2048, b"\0")

Reaction = bytes | signal.Signals


@dataclass(frozen=True)
class Answer:
    """What the command answered."""

    status: int
    out: str
    err: str

    def json(self, schema: str) -> Any:
        """Standard output, after a look whether it is as documented."""
        assert self.status in {0, 1}, self.err
        return validated(self.out, schema)

    def error(self) -> dict[str, Any]:
        """The error on standard error, after the same look."""
        assert self.status != 0 and self.out == ""
        found: dict[str, Any] = validated(self.err, "error")["error"]
        assert found["exit_status"] == self.status
        return found


@dataclass(frozen=True)
class Command:
    """Runs ``lifebuoy`` against ``uri`` with everything of the user below ``home``."""

    uri: str
    home: Path
    deadline_s: ClassVar[float] = DEADLINE_S

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        return Answer(*forked.command(self._all(words), self.environment(), stdin, self.deadline_s))

    def python(self, text: str, *words: str, stdin: str = "") -> str:
        """What a script prints that gets the URI and ``words``: a process that is not ours."""
        status, out, err = forked.script(
            text, [self.uri, *words], self.environment(), stdin, self.deadline_s
        )
        assert status == 0, err
        return out

    def words(self, *words: str) -> list[str]:
        """What starts it from nothing."""
        return [sys.executable, "-m", "lifebuoy", *self._all(words)]

    def _all(self, words: Sequence[str]) -> list[str]:
        return [*(["--connect", self.uri] if self.uri else []), *words]

    def environment(self) -> dict[str, str]:
        source = str(Path(lifebuoy.__file__).parents[1])
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        xdg = {f"XDG_{kind}_HOME": str(self.home / kind) for kind in ("CONFIG", "STATE", "CACHE")}
        images = {"LIFEBUOY_IMAGES": str(self.home / "images")}
        return kept | xdg | images | {"HOME": str(self.home), "PYTHONPATH": source, "TERM": "dumb"}

    def at_a_terminal(
        self, words: Sequence[str], dialogue: Sequence[tuple[str, Reaction]]
    ) -> tuple[int, str]:
        """Run it at a terminal; when a text of ``dialogue`` shows, type or send what goes with it.

        Returns the exit status and all that was shown.
        """
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(sys.executable, self.words(*words), self.environment())
        shown, left, mark = "", list(dialogue), 0
        deadline = time.monotonic() + DEADLINE_S
        while (piece := _read(terminal, deadline)) is not None:
            shown += piece
            while left and left[0][0] in shown[mark:]:
                wanted, reaction = left.pop(0)
                mark = shown.index(wanted, mark) + len(wanted)
                if isinstance(reaction, signal.Signals):
                    os.kill(pid, reaction)
                else:
                    time.sleep(0.2)  # getpass throws away what was typed before it asked
                    os.write(terminal, reaction)
        _, status = os.waitpid(pid, 0)
        assert not left, f"never shown: {left[0][0]!r} in {shown!r}"
        return os.waitstatus_to_exitcode(status), shown


def _read(terminal: int, deadline: float) -> str | None:
    """What is shown next; None at the end."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
    assert ready, "the command did not end in time"
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return None  # Linux ends a terminal so
    return data.decode(errors="replace") if data else None


def validated(text: str, schema: str) -> Any:
    """``text`` as JSON, valid by ``docs/schema/NAME.json``."""
    value = json.loads(text)
    schemas = {path.stem: json.loads(path.read_text()) for path in SCHEMAS.iterdir()}
    registry: Registry[Any] = Registry().with_resources(
        (found["$id"], Resource.from_contents(found)) for found in schemas.values()
    )
    Draft202012Validator(schemas[schema], registry=registry).validate(value)
    return value


def idle_iso(path: Path) -> Path:
    """A bootable ISO whose system does nothing but to power off: an image of an owner's own."""
    return bootable_iso(path, _IDLE)


def bootable_iso(path: Path, code: bytes) -> Path:
    """An ISO whose boot sector is ``code``."""
    iso = pycdlib.PyCdlib()
    iso.new()
    iso.add_fp(BytesIO(code), len(code), "/BOOT.;1")
    iso.add_eltorito("/BOOT.;1", "/BOOT.CAT;1")
    iso.write(str(path))
    iso.close()
    return path


def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    """Whether ``condition`` became true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
