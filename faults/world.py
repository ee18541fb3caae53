"""One user, one libvirt, one instance: made once, put back to that for every trial.

Here libvirt is the embedded one and the record a file. Worlds of other kinds (see ``postgres`` and
``remote``) differ in where things are and in what must sleep while they are put back.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from faults import apart, clock, machine, observation, process
from faults.observation import Facts, Scene
from faults.process import Ended

PASSWORD: Final = "Quiet-Word-5"
SIZE_MIB: Final = 64


class NotPrepared(Exception):
    """A trial could not even begin: the harness or the machine is at fault."""


@dataclass
class World:
    """``home`` holds all of the user's, ``uri`` names the libvirt. ``said`` is what an operation
    told that was struck and ended by itself; ``ahead_s`` is how wrong the user's clock goes."""

    folder: Path
    home: Path = field(init=False)
    uri: str = field(init=False)
    said: str = ""
    ahead_s: float = 0.0
    _number: int = 0

    def __post_init__(self) -> None:
        self.home = self.folder / "h"
        self.uri = f"qemu:///embed?root={self.home}/e"

    @property
    def database(self) -> Path:
        """The file of the record, where it is one."""
        return self.home / "STATE/lifebuoy/lifebuoy.sqlite"

    def scene(self) -> Scene:
        """Where to look after a fault."""
        return Scene(self.uri, self.home, f"sqlite:///{self.database}")

    def places(self) -> dict[str, Path]:
        """Folders that are put back, each by the name under which it is kept."""
        return {"home": self.home}

    def environment(self) -> dict[str, str]:
        """What the user's commands are given."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        xdg = {f"XDG_{kind}_HOME": str(self.home / kind) for kind in ("CONFIG", "STATE", "CACHE")}
        ours = {"LIFEBUOY_IMAGES": str(self.home / "images"), "HOME": str(self.home)}
        return kept | xdg | ours | {"TERM": "dumb"}

    def call(
        self, *words: str, before: Callable[[], object] | None = None, timeout_s: float = 90.0
    ) -> Ended:
        """Run ``lifebuoy`` with ``words``, after ``before`` in the same process."""
        act = partial(_command, ["--connect", self.uri, *words], before)
        return self.run(act, timeout_s=timeout_s)

    def run(self, act: Callable[[], object], *, timeout_s: float = 90.0) -> Ended:
        """Anything else in a process of the user."""
        return process.run(
            partial(_by_clock, self.ahead_s, act),
            self._streams(),
            environment=self.environment(),
            stdin=f"{PASSWORD}\n",
            timeout_s=timeout_s,
        )

    def start(self, *words: str) -> process.Started:
        """Begin ``lifebuoy`` with ``words`` and do not wait."""
        act = partial(_command, ["--connect", self.uri, *words], None)
        streams, environment = self._streams(), self.environment()
        return process.start(act, streams, environment=environment, stdin=f"{PASSWORD}\n")

    def must(self, *words: str) -> Ended:
        """A command that is not under test and has to succeed."""
        ended = self.call(*words)
        if ended.status != 0:
            raise NotPrepared(f"lifebuoy {' '.join(words)}: {ended.status} {ended.err[-600:]}")
        return ended

    def facts(self) -> Facts:
        """How everything is now."""
        ended = self.run(partial(observation.observe, self.scene()))
        if ended.status != 0:
            raise NotPrepared(f"nothing can be seen: {ended.status} {ended.err[-900:]}")
        return observation.facts_of(ended.out)

    def keep(self, name: str) -> None:
        """Remember how all is now, for ``put_back``; nothing may run."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        for kept, place in self.places().items():
            _copy(place, self.folder / name / kept)

    def put_back(self, name: str = "made") -> None:
        """As it was kept; nothing runs."""
        self.ahead_s = 0.0
        self.end_machines()
        for kept, place in self.places().items():
            _empty(place)
            _copy(self.folder / name / kept, place)

    def write(self, pattern: int) -> None:
        """What its guest does in its life: writes to every disk and to the UEFI variables."""
        ended = self.run(partial(_sources, self.uri, self.home))
        for path, form in json.loads(ended.out):
            machine.write(path, form, pattern=pattern, at_mib=pattern)
        variables = self.home / "disks/variables.fd"
        size = variables.stat().st_size
        variables.write_bytes(f"variables {pattern}".encode().ljust(size, b"\xff"))

    def end_machines(self, program: str = "qemu-system") -> int:
        """Kill every QEMU of this world, as a crash does; how many there were."""
        found = list(_pids(program, self.home))
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            _gone(pid)
        return len(found)

    def _streams(self) -> Path:
        self._number += 1
        return self.folder / "runs" / str(self._number % 8)


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--sparse=always", "-T", source, target], check=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():  # not itself: a file system may be mounted there
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def founded() -> Iterator[Path]:
    """The folder of a new world, with an empty home in it; gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="lbf-", dir="/tmp"))  # short, for sockets
    home = folder / "h"
    try:
        home.mkdir()
        if apart.possible():
            apart.mount_small(home, SIZE_MIB)
        yield folder
    finally:
        if apart.possible():
            apart.unmount(home)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def peopled(world: World) -> Iterator[None]:
    """It has a stopped instance and is kept so; nothing runs any more after the block."""
    try:
        _prepare(world)
        world.keep("made")
        yield
    finally:
        world.end_machines()


@contextmanager
def made() -> Iterator[World]:
    """A world with a stopped instance; gone after the block."""
    with founded() as folder:
        world = World(folder)
        with peopled(world):
            yield world


def _prepare(world: World) -> None:
    from tests.libvirt.command import idle_iso

    iso = idle_iso(world.folder / "idle.iso")
    world.must("image", "add", str(iso), "--id", "idle", "--name", "Does nothing")
    definition = machine.make(world.home / "disks")
    defined = world.run(partial(_define, world.uri, world.home, definition))
    if defined.status != 0:
        raise NotPrepared(f"cannot define the instance: {defined.err}")
    world.must("rescue", "enter", machine.NAME, "--no-wait", "--generate-password")
    world.must("rescue", "exit", machine.NAME, "--force", "--watch", "0")


def _by_clock(ahead_s: float, act: Callable[[], object]) -> object:
    clock.jump(ahead_s)
    return act()


def _define(uri: str, home: Path, definition: str) -> None:
    from lifebuoy.hypervisor import connect

    with connect(uri, state_dir=home) as host:
        domain = host.define(host.define(definition).xml(secure=True))
        domain.autostart = True


def _sources(uri: str, home: Path) -> str:
    from lifebuoy.backup import definition
    from lifebuoy.hypervisor import connect

    with connect(uri, state_dir=home) as host:
        found = definition.disks(host.domain(machine.NAME).xml())
        return json.dumps([(disk.path, disk.format) for disk in found])


def _command(words: Sequence[str], before: Callable[[], object] | None) -> None:
    from lifebuoy.cli.app import app

    if before is not None:
        before()
    app(args=list(words), prog_name="lifebuoy")


def _pids(program: str, home: Path) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if program.encode() in words[0] and any(os.fsencode(home) in word for word in words):
                yield int(path.parent.name)


def _gone(pid: int) -> None:
    """Wait until the process has ended; one that its parent has not asked for yet has."""
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "ZX":
            return
        time.sleep(0.005)
