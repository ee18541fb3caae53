"""What is so after a fault: of the instance, its disks, the host's processes and files, the record.

Looked at from a process of its own, through the product's own layer that talks to libvirt, and
past it: at files, at processes, at the database.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from faults import machine

#: What grows and is no trace of an operation: logs, libvirt's own state and caches, the record.
_PASSED: Final = (
    "e/cache/", "e/run/", "e/log/", "e/lib/", "e/etc/", "CACHE/", "CONFIG/", ".local/", ".cache/"
)  # fmt: skip
_RECORD: Final = "STATE/lifebuoy/"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an operation changes: everything of it must be as before, or as asked for.

    ``contents`` are hashes by disk; ``stay`` is the phase of rescue mode, empty outside.
    """

    stay: str
    running: str
    points: int
    undo: bool
    contents: dict[str, str]
    variables: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is seen. ``definition`` is the instance's own, with the disks' former sources."""

    shape: Shape
    definition: str
    autostart: bool
    machines: int
    programs: tuple[str, ...]
    forwards: str
    media: tuple[str, ...]
    files: tuple[str, ...]
    unfinished: tuple[str, ...]
    point_ids: tuple[str, ...]


def observe(uri: str, home: Path) -> str:
    """The facts as JSON; for a process of its own, as it opens libvirt."""
    from lifebuoy.hypervisor import connect

    with connect(uri, state_dir=home) as host:
        domain = host.domain(machine.NAME)
        seen = asdict(_facts(host, domain, home))
    return json.dumps(seen)


def facts_of(text: str) -> Facts:
    """The facts that ``observe`` has told."""
    found = json.loads(text)
    shape = Shape(**found.pop("shape"))
    lists = {name: tuple(one) for name, one in found.items() if isinstance(one, list)}
    return Facts(shape=shape, **(found | lists))


def _facts(host: Any, domain: Any, home: Path) -> Facts:
    from lifebuoy.backup import shelf
    from lifebuoy.rescue import definition, record

    stay = record.read(domain)
    xml = domain.xml(secure=True)
    own = definition.with_passwords(stay.original, xml) if stay else xml
    book = shelf.read(host.store, domain.uuid, domain.name)
    points = book.content.points if book.content else ()
    active = domain.active
    return Facts(
        shape=Shape(
            stay=stay.phase.value if stay else "",
            running=_running(domain, definition) if active else "",
            points=len(points),
            undo=bool(book.content and book.content.undo),
            contents=_contents(own),
            variables=_variables(home),
        ),
        definition=_with_former_sources(own, home),
        autostart=domain.autostart,
        machines=len(_commands("qemu-system", home)),
        programs=tuple(_commands("qemu-img", home) + _commands("qemu-io", home)),
        forwards=_forwards(domain) if active and not stay else "",
        media=tuple(sorted(path.name for path in (home / "e/media").iterdir())),
        files=_files(home),
        unfinished=_unfinished(home),
        point_ids=tuple(point.id for point in points),
    )


def _running(domain: Any, definition: Any) -> str:
    return "rescue system" if definition.boots_rescue(domain.xml(live=True)) else "own system"


def _contents(xml: str) -> dict[str, str]:
    from lifebuoy.backup import definition

    return {disk.target: machine.digest(disk.path, disk.format) for disk in definition.disks(xml)}


def _variables(home: Path) -> str:
    found = (home / "disks/variables.fd").read_bytes()
    return found[:32].rstrip(b"\xff").decode(errors="replace")


def _with_former_sources(xml: str, home: Path) -> str:
    from lifebuoy.backup import definition
    from lifebuoy.backup.book import File

    former = {
        "vda": File(f"{home}/disks/vda.qcow2", "qcow2"),
        "vdb": File(f"{home}/disks/vdb.img", "raw"),
    }
    return definition.switched(xml, former)


def _commands(program: str, home: Path) -> list[str]:
    """Processes of this world, by the beginning of their name."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        called = any(Path(os.fsdecode(word)).name.startswith(program) for word in words[:4])
        if called and any(os.fsencode(home) in word for word in words):
            found.append(program)
    return found


def _forwards(domain: Any) -> str:
    from lifebuoy.errors import LifebuoyError

    try:
        port = domain.forwarded_ssh_port()
    except LifebuoyError as error:
        return f"its QEMU does not answer: {error.message}"
    return "" if port is None else f"port {port}"


def _files(home: Path) -> tuple[str, ...]:
    found = (
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() or path.is_symlink()
    )
    return tuple(sorted(name for name in found if not name.startswith((*_PASSED, _RECORD))))


def _unfinished(home: Path) -> tuple[str, ...]:
    file = home / _RECORD / "lifebuoy.sqlite"
    if not file.exists():
        return ()
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            query = "SELECT kind FROM operations WHERE outcome IS NULL"
            return tuple(str(kind) for (kind,) in connection.execute(query))
    except sqlite3.Error as error:
        return (f"the record cannot be read: {error}",)
