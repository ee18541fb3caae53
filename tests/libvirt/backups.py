"""Instances with disks of every kind for backup points, what their disks hold, and the operations
run without a database."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifebuoy.hypervisor import Domain, Host
from lifebuoy.image import Catalogue
from lifebuoy.operations import runner
from lifebuoy.operations.backup_copy import COPY
from lifebuoy.operations.backup_create import CREATE
from lifebuoy.operations.backup_delete import DELETE, TIDY
from lifebuoy.operations.backup_restore import RESTORE, UNDO
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import Kind, Work

MIB = 1 << 20
SIZE = 16 * MIB


def definition(name: str, disks: Mapping[str, tuple[Path, str]], *, extra: str = "") -> str:
    """A small machine with these disks (file and format by target)."""
    parts = "".join(
        f"<disk type='file' device='disk'><driver name='qemu' type='{form}'/>"
        f"<source file='{path}'/><target dev='{target}' bus='virtio'/></disk>"
        for target, (path, form) in disks.items()
    )
    return (
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
        f"<devices>{parts}<graphics type='vnc' passwd='vncword1'><listen type='socket'/>"
        f"</graphics>{extra}</devices></domain>"
    )


def settled(host: Host, xml: str) -> Domain:
    """Defined so that libvirt prints it from now on as it does after reading its own text."""
    return host.define(host.define(xml).xml(secure=True))


def disk(path: Path, form: str, *, base: Path | None = None, size: int = SIZE) -> Path:
    """A new disk; over ``base`` (qcow2) where one is given."""
    below = ["-b", str(base), "-F", "qcow2"] if base else []
    qemu_img("create", "-q", "-f", form, *below, str(path), *([] if base else [str(size)]))
    return path


def qemu_img(*words: str) -> str:
    done = subprocess.run(["qemu-img", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(path: Path | str, form: str, *pieces: tuple[int, int, int]) -> None:
    """Write pattern, at MiB, of so many MiB, as a guest would."""
    words = [f"write -q -P {pattern} {at}M {size}M" for pattern, at, size in pieces]
    arguments = [part for word in words for part in ("-c", word)]
    done = subprocess.run(
        ["qemu-io", "-f", form, *arguments, str(path)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def sources(domain: Domain) -> dict[str, tuple[str, str]]:
    """Each disk's file and format as defined."""
    from lxml import etree

    root = etree.fromstring(domain.xml().encode())
    found: dict[str, tuple[str, str]] = {}
    for one in root.iterfind("devices/disk"):
        source, target, driver = one.find("source"), one.find("target"), one.find("driver")
        if source is not None and target is not None and driver is not None:
            found[str(target.get("dev"))] = (str(source.get("file")), str(driver.get("type")))
    return found


def content(path: str, form: str) -> bytes:
    """All that the disk reads as, block by block, its bases included."""
    raw = Path(path + ".read-by-test")
    qemu_img("convert", "-f", form, "-O", "raw", path, str(raw))
    try:
        return raw.read_bytes()
    finally:
        raw.unlink()


def contents(domain: Domain) -> dict[str, bytes]:
    """What each disk of the instance reads as."""
    return {target: content(*source) for target, source in sources(domain).items()}


@dataclass(frozen=True)
class Desk:
    """The operations on one instance, each run to its end."""

    host: Host
    domain: Domain
    folder: Path

    def create(self, name: str = "", *, keep: int = 0) -> str:
        return str(self.run(CREATE, {"name": name, "keep": keep})["id"])

    def copy(self, pool: str = "", *, freeze: bool = True) -> str:
        asked = {"name": "", "keep": 0, "pool": pool, "freeze": freeze}
        return str(self.run(COPY, asked)["id"])

    def restore(self, point: str) -> None:
        self.run(RESTORE, {"point": point})

    def undo(self) -> None:
        self.run(UNDO, {"point": ""})

    def delete(self, *points: str, later: bool = False) -> None:
        self.run(DELETE, {"points": list(points), "later": later})

    def tidy(self) -> None:
        self.run(TIDY, {"points": [], "later": False})

    def run(self, kind: Kind[Any], request: dict[str, Any]) -> dict[str, Any]:
        operation = self.make(kind, request)
        operation.begin()
        runner.run(operation.steps())
        found: dict[str, Any] = operation.result()
        return found

    def make(self, kind: Kind[Any], request: dict[str, Any]) -> Any:
        context = Context(self.host, Catalogue(self.folder / "images"), self.folder)
        return kind.make(Work(context, self.domain.uuid, request))

    def write(self, target: str, *pieces: tuple[int, int, int]) -> None:
        """Write to a disk as it is now."""
        write(*sources(self.domain)[target], *pieces)
