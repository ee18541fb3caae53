"""Workers on two machines, one beside the host's libvirt and one that reaches it by SSH alone."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest

from lab.layout import Layout
from tests.daemon import elsewhere, sshd
from tests.daemon.conftest import IDLE, MEMBER, SYSTEM, add_idle
from tests.daemon.elsewhere import ELSEWHERE
from tests.daemon.guests import Guests
from tests.daemon.machine import IMAGES, Machine
from tests.daemon.member import Member
from tests.daemon.sshd import Server
from tests.libvirt.command import until, validated
from tests.postgres import Server as Postgres

NAME: Final = "shared1"
WAIT: Final = "wait until it can be logged in to"
ENTER: Final = ("rescue", "enter", NAME, "--generate-password")
CONFIG: Final = "/run/lifebuoy.toml"


@dataclass
class Worker:
    """A running worker and what it has said."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(validated(line, "worker-event"))

    def said(self, *words: str, within_s: float = 60.0) -> bool:
        """Whether one line comes to hold all of these."""
        return until(
            lambda: any(all(word in str(line) for word in words) for line in list(self.lines)),
            within_s,
        )


@dataclass(frozen=True)
class Party:
    """A user of one machine with the settings that all share but for the way to the host."""

    member: Member

    def __call__(self, *words: str) -> Any:
        return self.member("--config", CONFIG, *words)

    def operation(self) -> dict[str, Any]:
        """The last one on record."""
        found: dict[str, Any] = self("operations", "list", "--json").json("operation-list")[
            "operations"
        ][0]
        return found

    @contextmanager
    def working(self) -> Iterator[Worker]:
        with self.member.running("--config", CONFIG, "worker", "--json") as process:
            worker = Worker(process)
            listener = threading.Thread(target=worker.listen, daemon=True)
            listener.start()
            assert worker.said("connected"), worker.lines
            try:
                yield worker
            finally:
                process.kill()
                listener.join(10)
                assert process.stdout
                process.stdout = None  # read to its end by the listener


def configure(machine: Machine, database: str, uri: str) -> None:
    text = f'database = "{database}"\n\n[hosts.far]\nuri = "{uri}"\n'
    machine.path(CONFIG).write_text(text)


@pytest.fixture
def database(postgres: Postgres) -> str:
    return postgres.create(f"machines_{time.monotonic_ns()}")


@pytest.fixture
def here(host: Machine, database: str) -> Party:
    """Beside the libvirt, as a member of its group."""
    configure(host, database, SYSTEM)
    return Party(Member(host, MEMBER))


def there(laptop: Machine, database: str, server: Server, images: str = IMAGES) -> Party:
    """On another machine."""
    configure(laptop, database, elsewhere.uri(server, MEMBER))
    return Party(Member(laptop, ELSEWHERE, images=images))


@pytest.mark.slow
def test_a_worker_elsewhere_goes_on_with_what_one_beside_the_guest_began(
    here: Party, laptop: Machine, server: Server, database: str, guests: Guests
) -> None:
    before = guests.define(Layout.BIOS, guests.disk(Layout.BIOS, NAME))
    far = there(laptop, database, server, images="/run/no-images")
    here.member.killed_at(WAIT, "--config", CONFIG, *ENTER)
    with here.working() as first:
        assert first.said("goes on", NAME), first.lines
        first.process.kill()
    with far.working() as second:
        assert second.said("goes on", NAME), second.lines
        assert until(lambda: far.operation()["state"] == "done", 240), second.lines
    found = far.operation()
    assert (found["attempts"], found["instance"]) == (3, NAME)
    shown = far("operations", "show", found["id"])
    assert "SSH answers as it should" in shown.out, shown.out
    assert far("rescue", "exit", f"far/{NAME}", "--json").json("rescue-exit")["differences"] == []
    assert guests.definition(NAME) == before and guests.stay_media() == []


@pytest.mark.turn(1, 2)
def test_a_worker_whose_ssh_to_the_host_is_cut_is_followed_by_one_that_is_there(
    here: Party,
    host: Machine,
    laptop: Machine,
    database: str,
    idle: Member,
    guests: Guests,
    tmp_path: Path,
) -> None:
    add_idle(laptop, tmp_path)
    before = guests.define_bare(NAME)
    doomed = sshd.start(host, "ssh-doomed", elsewhere.public_key(laptop))
    elsewhere.know(laptop, doomed)
    far = there(laptop, database, doomed, IDLE)
    near = Party(replace(here.member, images=IDLE))
    idle.killed_at(WAIT, "--config", CONFIG, *ENTER, "--timeout", "15")
    with far.working() as cut_off:
        assert cut_off.said("goes on", NAME), cut_off.lines
        with near.working() as first:
            doomed.cut()
            assert cut_off.said("let go", NAME), cut_off.lines
            assert first.said("goes on", NAME), first.lines
            assert until(lambda: here.operation()["state"] == "done", 120), first.lines
    left = here("rescue", "exit", NAME, "--watch", "0", "--json").json("rescue-exit")
    assert left["differences"] == []
    assert guests.definition(NAME) == before and guests.stay_media() == []
