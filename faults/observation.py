"""What is so after a fault: of the instance, its disks, the host's processes and files, the record.

Looked at from a process of its own, through the product's own layer that talks to libvirt, and
past it: at files, at processes, at the database.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from faults import machine

#: What grows and is no trace of an operation: logs, libvirt's own state and caches, the record.
_PASSED: Final = (
    "e/cache/", "e/run/", "e/log/", "e/lib/", "e/etc/", "CACHE/", "CONFIG/", ".local/", ".cache/"
)  # fmt: skip
_RECORD: Final = "STATE/lifebuoy/"
_OUR_POOL: Final = re.compile(r"lifebuoy-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where to look. ``home`` has the instance's disks and all of the user's, ``store`` is the
    folder of rescue media where it is not in there, ``record`` the URL of the database."""

    uri: str
    home: Path
    record: str
    store: Path | None = None


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
    """All that is seen. ``definition`` is the instance's own, with the disks' former sources;
    ``untidy``: ``backup list`` says that something is left to be merged or was cut off."""

    shape: Shape
    definition: str
    autostart: bool
    machines: int
    programs: tuple[str, ...]
    forwards: str
    files: tuple[str, ...]
    unfinished: tuple[str, ...]
    point_ids: tuple[str, ...]
    pools: tuple[str, ...] = ()
    untidy: bool = False


def observe(scene: Scene) -> str:
    """The facts as JSON; for a process of its own, as it opens libvirt."""
    from lifebuoy.hypervisor import connect

    with connect(scene.uri, state_dir=scene.home) as host:
        domain = host.domain(machine.NAME)
        seen = asdict(_facts(host, domain, scene))
    return json.dumps(seen)


def facts_of(text: str) -> Facts:
    """The facts that ``observe`` has told."""
    found = json.loads(text)
    shape = Shape(**found.pop("shape"))
    lists = {name: tuple(one) for name, one in found.items() if isinstance(one, list)}
    return Facts(shape=shape, **(found | lists))


def _facts(host: Any, domain: Any, scene: Scene) -> Facts:
    from lifebuoy.backup import shelf
    from lifebuoy.operations import backup_list
    from lifebuoy.rescue import definition, record

    home = scene.home
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
        files=tuple(sorted(_files(scene))),
        unfinished=_unfinished(scene.record),
        point_ids=tuple(point.id for point in points),
        pools=_pools(scene.uri),
        untidy=any(one.merges or one.pending for one in backup_list.listing(host, domain.uuid)),
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


def _files(scene: Scene) -> Iterator[str]:
    for root in filter(None, (scene.home, scene.store)):
        for path in root.rglob("*"):
            name = str(path.relative_to(root))
            if not name.startswith((*_PASSED, _RECORD)) and (path.is_file() or path.is_symlink()):
                yield name


def _pools(uri: str) -> tuple[str, ...]:
    """Passing pools of ours; the embedded driver has none at all."""
    import libvirt

    if "/embed" in uri:
        return ()
    connection = libvirt.openReadOnly(uri)
    try:
        names = [str(pool.name()) for pool in connection.listAllStoragePools()]
    finally:
        connection.close()
    return tuple(name for name in names if _OUR_POOL.fullmatch(name))


def _unfinished(record: str) -> tuple[str, ...]:
    """Kinds of operations without an outcome; where there is no database there are none."""
    url = sa.make_url(record)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    elif not Path(str(url.database)).exists():
        return ()
    else:
        url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    try:
        with engine.connect() as connection:
            query = sa.text("SELECT kind FROM operations WHERE outcome IS NULL")
            return tuple(str(kind) for (kind,) in connection.execute(query))
    except sa.exc.SQLAlchemyError as error:
        return (f"the record cannot be read: {error}",)
