"""A host: its domains, its capabilities, its files. Made by ``connection.connect``."""

from __future__ import annotations

import difflib
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import libvirt
from lxml import etree
from platformdirs import user_data_path

from lifebuoy.errors import BadInput, HostTrouble, InstanceNotFound
from lifebuoy.hypervisor.domain import Domain
from lifebuoy.hypervisor.events import Changed
from lifebuoy.hypervisor.folder import FolderStore
from lifebuoy.hypervisor.glance import Glance, glances, glances_in_parts, glances_of
from lifebuoy.hypervisor.hop import SshHop
from lifebuoy.hypervisor.hostfiles import HostFiles
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.pool import POOL_NAME, SYSTEM_FOLDER, PoolStore
from lifebuoy.hypervisor.poolsetup import POOL_VARIABLE
from lifebuoy.hypervisor.storage import MediaStore
from lifebuoy.hypervisor.translation import as_ours, code, translated


@dataclass(frozen=True, slots=True)
class HostVersions:
    """What runs on the host; ``kernel`` is empty where it cannot be known (remote hosts)."""

    libvirt: str
    qemu: str
    hostname: str
    kernel: str


class Host:
    """An open connection to one libvirt host; a context manager."""

    def __init__(self, link: Link, *, name: str = "", pool: str = "") -> None:
        """``name`` is what its user calls it; ``pool`` names the storage pool for our media."""
        self._link = link
        self._files = HostFiles(link)
        self._name = name
        self._pool = pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a closed host answers nothing more."""
        self._link.close()

    @property
    def uri(self) -> str:
        """The URI it was opened with."""
        return self._link.facts.uri

    @property
    def name(self) -> str:
        """What its user calls it; its URI where it has no name."""
        return self._name or self.uri

    @property
    def given_name(self) -> str:
        """The same; empty where it has none."""
        return self._name

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as is known without asking."""
        return self._link.alive

    def ping(self) -> None:
        """Have it answer.

        Raises:
            HostTrouble: it does not.
        """
        with translated("ask the host"):
            self._link.conn.getLibVersion()

    @property
    def is_embedded(self) -> bool:
        """Whether the driver runs inside this process."""
        return self._link.facts.is_embedded

    @property
    def is_remote(self) -> bool:
        """Whether the host is, or may be, another machine."""
        return self._link.facts.is_remote

    @property
    def ssh_hop(self) -> SshHop | None:
        """The host as a step for SSH on the way to its guests; None where its URI has no SSH."""
        return self._link.facts.ssh_hop

    @cached_property
    def hostname(self) -> str:
        """The name that the host gives itself; asked once for a connection."""
        with translated("ask the host for its name"):
            return str(self._link.conn.getHostname())

    @property
    def machine(self) -> str:
        """The UUID of the machine as libvirt sees it; empty where it has none.

        Without one in the firmware libvirt makes one up at each of its starts.
        """
        return etree.fromstring(self.capabilities_xml()).findtext("host/uuid") or ""

    def versions(self) -> HostVersions:
        """Versions and names of what runs there."""
        conn = self._link.conn
        with translated("ask the host for its versions"):
            return HostVersions(
                libvirt=_dotted(conn.getLibVersion()),
                qemu=_dotted(conn.getVersion()),
                hostname=str(conn.getHostname()),
                kernel="" if self.is_remote else os.uname().release,
            )

    def domains(self) -> list[Domain]:
        """All domains, by name."""
        with translated("list the instances"):
            found = [self._domain(raw) for raw in self._link.conn.listAllDomains(0)]
            return sorted(found, key=lambda domain: domain.name)

    def glances(self, namespace: str) -> list[Glance]:
        """All domains by name, with the metadata element of ``namespace``; cheap."""
        return glances(self._link, namespace)

    def glances_in_parts(self, namespace: str) -> Iterator[list[Glance]]:
        """The same in no order, some at a time."""
        return glances_in_parts(self._link, namespace)

    def glances_of(self, uuids: Sequence[str], namespace: str) -> list[Glance]:
        """Those of these UUIDs that are there, in their order."""
        return glances_of(self._link, namespace, uuids)

    def domain(self, ref: str) -> Domain:
        """The domain of that name, UUID or id, tried in this order.

        Raises:
            InstanceNotFound: with similar names in the hint.
        """
        found = self.find(ref)
        if found is None:
            raise InstanceNotFound(f"no instance '{ref}' on {self.name}", hint=self._near(ref))
        return found

    def find(self, ref: str) -> Domain | None:
        """The same; None where there is none."""
        if not ref:
            raise BadInput("no instance named", hint="give its name, UUID or id")
        conn = self._link.conn
        lookups: list[Callable[[], Any]] = [lambda: conn.lookupByName(ref)]
        if _is_uuid(ref):
            lookups.append(lambda: conn.lookupByUUIDString(str(uuid.UUID(ref))))
        if ref.isascii() and ref.isdigit() and len(ref) < 10:
            lookups.append(lambda: conn.lookupByID(int(ref)))
        for lookup in lookups:
            try:
                return self._domain(lookup())
            except libvirt.libvirtError as exc:
                if code(exc) != libvirt.VIR_ERR_NO_DOMAIN:
                    raise as_ours(exc, f"look for '{ref}'") from exc
        return None

    def with_uuid(self, uuid: str) -> Domain | None:
        """The domain of that UUID, whatever others are called; None where there is none."""
        try:
            return self._domain(self._link.conn.lookupByUUIDString(uuid))
        except libvirt.libvirtError as exc:
            if code(exc) != libvirt.VIR_ERR_NO_DOMAIN:
                raise as_ours(exc, f"look for '{uuid}'") from exc
        return None

    def on_change(self, changed: Changed) -> Callable[[], None]:
        """Have ``changed`` called when something happens to a domain; the answer ends that.

        Raises:
            HostTrouble: this libvirt tells nothing.
        """
        return self._link.events.listen(changed)

    def define(self, xml: str) -> Domain:
        """Define a domain, or replace the definition of the one with its name and UUID.

        Raises:
            HostTrouble: with libvirt's words; the old definition, if any, still stands.
        """
        try:
            return self._domain(self._link.conn.defineXMLFlags(xml, 0))
        except libvirt.libvirtError as exc:
            error = as_ours(exc, "define the instance", error=HostTrouble)
            error.safe = "The definition that was there before still stands."
            raise error from exc

    def launch(self, xml: str, *, paused: bool = False) -> Domain:
        """Start a transient domain; where there is a daemon, it ends with this connection."""
        flags = libvirt.VIR_DOMAIN_START_PAUSED if paused else 0
        if not self.is_embedded:  # "autodestroy not supported for embedded drivers"
            flags |= libvirt.VIR_DOMAIN_START_AUTODESTROY
        with translated("start a passing domain", error=HostTrouble):
            return self._domain(self._link.conn.createXML(xml, flags))

    def capabilities_xml(self) -> str:
        """What the host offers: architectures, machines, accelerators."""
        with translated("ask the host for its capabilities"):
            return str(self._link.conn.getCapabilities())

    def domain_capabilities_xml(
        self, arch: str, machine: str, virttype: str, emulator: str = ""
    ) -> str:
        """What a domain of that kind may have; empty strings mean libvirt's defaults."""
        with translated("ask the host what a domain may have"):
            return str(
                self._link.conn.getDomainCapabilities(
                    emulator or None, arch or None, machine or None, virttype or None, 0
                )
            )

    @cached_property
    def store(self) -> MediaStore:
        """Where this host keeps our media; made on first use.

        A storage pool named 'lifebuoy', or the one that the settings or LIFEBUOY_POOL name; a
        folder if embedded, or if it is libvirt's play host, whose pools hold no content.
        """
        root = self._link.facts.root
        if root is not None:
            return FolderStore(root / "media")
        if self._link.facts.driver == "test":
            return FolderStore(_play_folder(self.uri))
        chosen = self._pool or os.environ.get(POOL_VARIABLE, "")
        if chosen:
            return PoolStore(self._link, pool=chosen, folder=None)
        return PoolStore(self._link, pool=POOL_NAME, folder=self._pool_folder())

    def read_file(self, path: str) -> bytes:
        """The content of a small file on the host, such as NVRAM.

        Raises:
            NotFound: no such file.
        """
        return self._files.read(path)

    def write_file(self, path: str, data: bytes) -> None:
        """Replace the content of a small file on the host; owner and mode are kept."""
        self._files.write(path, data)

    def file_exists(self, path: str) -> bool | None:
        """Whether that file is on the host; None where it cannot be known."""
        return self._files.exists(path)

    def _pool_folder(self) -> Path | None:
        facts = self._link.facts
        if not facts.is_session:
            return SYSTEM_FOLDER
        # The home of the daemon's user: ours if it runs here, unknown elsewhere.
        return None if facts.is_remote else user_data_path("lifebuoy") / "media"

    def _domain(self, raw: Any) -> Domain:
        return Domain(self._link, raw)

    def _near(self, ref: str) -> str:
        names = [domain.name for domain in self.domains()]
        near = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
        if near:
            return "did you mean: " + ", ".join(near) + "?"
        return "there are: " + ", ".join(names[:10]) if names else "there are no instances"


def _play_folder(uri: str) -> Path:
    """The same for all who open the same play host."""
    name = hashlib.sha256(uri.encode()).hexdigest()[:12]
    return user_data_path("lifebuoy") / "play" / name


def _dotted(number: int) -> str:
    """libvirt's version numbers: 9000000 is 9.0.0."""
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
