"""One libvirt domain: its definition, its life, what can be seen of it. Knows nothing of rescue.

Long by its number of one-line calls, not by its decisions; subjects with decisions of their own
(agent, console, forwarding, graphics, addresses) have files of their own.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import libvirt
import libvirt_qemu

from lifebuoy.errors import HostTrouble, InstanceNotFound, Refused
from lifebuoy.hypervisor import drive, forwarding, graphics, screen
from lifebuoy.hypervisor.addresses import Address, guest_addresses
from lifebuoy.hypervisor.agent import Agent
from lifebuoy.hypervisor.console import SerialConsole
from lifebuoy.hypervisor.glance import Glance, glance
from lifebuoy.hypervisor.graphics import Graphics
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.runstate import run_state
from lifebuoy.hypervisor.translation import as_ours, code, translated
from lifebuoy.interruption import sleep
from lifebuoy.model import RunState

_POLL_S: Final = 0.1
_CUT_DEADLINE_S: Final = 20.0


class ShutdownMode(StrEnum):
    """Who is asked for a clean shutdown."""

    DEFAULT = "default"  # libvirt chooses
    AGENT = "agent"
    ACPI = "acpi"


_SHUTDOWN_FLAGS: Final = {
    ShutdownMode.DEFAULT: libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT,
    ShutdownMode.AGENT: libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
    ShutdownMode.ACPI: libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
}


class Domain:
    """One domain. Every libvirt error comes out as one of ours."""

    def __init__(self, link: Link, raw: Any) -> None:
        self._link = link
        self._raw = raw

    def __repr__(self) -> str:
        return f"<Domain {self.name}>"

    # What it is

    @property
    def name(self) -> str:
        return str(self._raw.name())

    @property
    def uuid(self) -> str:
        return str(self._raw.UUIDString())

    @property
    def id(self) -> int | None:
        """libvirt's number of a running domain; None while it is stopped."""
        number = int(self._raw.ID())
        return None if number < 0 else number

    @property
    def persistent(self) -> bool:
        with self._doing("look at"):
            return bool(self._raw.isPersistent())

    @property
    def active(self) -> bool:
        with self._doing("look at"):
            return bool(self._raw.isActive())

    def glance(self, namespace: str) -> Glance:
        """What a list shows of it, with the metadata element of ``namespace``."""
        seen = glance(self._raw, namespace)
        if seen is None:
            raise InstanceNotFound(f"'{self.name}' is gone")
        return seen

    def run_state(self) -> RunState:
        """What the hypervisor says of it."""
        with self._doing("look at"):
            return run_state(self._raw)

    @property
    def has_managed_save(self) -> bool:
        """Whether the next start would resume a saved memory image."""
        with self._doing("look at"):
            return bool(self._raw.hasManagedSaveImage(0))

    def drop_managed_save(self) -> None:
        """Throw the saved memory image away."""
        with self._doing("drop the saved state of"):
            self._raw.managedSaveRemove(0)

    @property
    def snapshot_count(self) -> int:
        with self._doing("count the snapshots of"):
            return int(self._raw.snapshotNum(0))

    # Its definition

    def xml(self, *, live: bool = False, secure: bool = False) -> str:
        """The definition of its next start, or with ``live`` that of the running machine.

        ``secure`` adds the graphics passwords: never show such a text. A transient domain has
        only the live one.
        """
        flags = 0 if live else libvirt.VIR_DOMAIN_XML_INACTIVE
        if secure:
            flags |= libvirt.VIR_DOMAIN_XML_SECURE
        with self._doing("read the definition of"):
            return str(self._raw.XMLDesc(flags))

    def metadata(self, uri: str) -> str | None:
        """The element of namespace ``uri`` in its metadata, as text; None if there is none."""
        where = (
            libvirt.VIR_DOMAIN_AFFECT_CONFIG if self.persistent else libvirt.VIR_DOMAIN_AFFECT_LIVE
        )
        try:
            return str(self._raw.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, uri, where))
        except libvirt.libvirtError as exc:
            if code(exc) == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
                return None
            raise as_ours(exc, f"read the metadata of '{self.name}'") from exc

    def set_metadata(self, uri: str, key: str, xml: str | None) -> None:
        """Set the element of namespace ``uri`` (``key``: its prefix); None removes it."""
        where = 0
        if self.persistent:
            where |= libvirt.VIR_DOMAIN_AFFECT_CONFIG
        if self.active:
            where |= libvirt.VIR_DOMAIN_AFFECT_LIVE
        with self._doing("write the metadata of"):
            self._raw.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, xml, key, uri, where)

    def drop_live_metadata(self, uri: str, key: str) -> None:
        """Remove the element from the running machine alone; its definition keeps it."""
        with self._doing("write the metadata of"):
            self._raw.setMetadata(
                libvirt.VIR_DOMAIN_METADATA_ELEMENT,
                None,
                key,
                uri,
                libvirt.VIR_DOMAIN_AFFECT_LIVE,
            )

    @property
    def autostart(self) -> bool:
        with self._doing("look at"):
            return bool(self._raw.autostart())

    @autostart.setter
    def autostart(self, wanted: bool) -> None:
        with self._doing("set the autostart flag of"):
            self._raw.setAutostart(int(wanted))

    def undefine(self, *, keep_nvram: bool = True) -> None:
        """Remove the definition; NVRAM and TPM state stay unless told otherwise."""
        flags = (
            libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM
            if keep_nvram
            else libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        )
        with self._doing("remove the definition of"):
            try:
                self._raw.undefineFlags(flags)
            except libvirt.libvirtError as exc:
                if code(exc) != libvirt.VIR_ERR_INVALID_ARG:
                    raise
                self._raw.undefineFlags(0)  # an older libvirt without one of these flags

    # Its life

    def start(self, *, paused: bool = False) -> None:
        """Start it; with ``paused`` not a single instruction runs before ``resume``."""
        with self._doing("start", "It is not running."):
            self._raw.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)

    def resume(self) -> None:
        with self._doing("resume"):
            self._raw.resume()

    def pause(self) -> None:
        with self._doing("pause"):
            self._raw.suspend()

    def shutdown(self, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None:
        """Ask for a clean shutdown; comes back at once."""
        with self._doing("shut down"):
            self._raw.shutdownFlags(_SHUTDOWN_FLAGS[mode])

    def reboot(self) -> None:
        """Ask for a clean reboot; QEMU, and so the running definition, stays."""
        with self._doing("reboot"):
            self._raw.reboot(0)

    def destroy(self) -> None:
        """Cut its power. QEMU may flush first; if it does not end, it is killed.

        Fine if it is stopped already.
        """
        if self.wait_stopped(0):
            return
        try:
            self._raw.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)
        except libvirt.libvirtError as exc:
            if code(exc) == libvirt.VIR_ERR_NO_DOMAIN:
                return
            self._destroy_hard()
        if not self.wait_stopped(_CUT_DEADLINE_S):
            raise HostTrouble(
                f"'{self.name}' does not stop",
                hint="look for its QEMU process on the host: it may hang in disk input/output",
                safe="It was told to stop.",
            )

    def _destroy_hard(self) -> None:
        try:
            self._raw.destroy()
        except libvirt.libvirtError as exc:
            # The embedded driver, just opened, says 'domain is not running' and yet stops it.
            if code(exc) not in {libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN}:
                raise as_ours(exc, f"stop '{self.name}'") from exc

    def wait_stopped(self, timeout_s: float) -> bool:
        """Wait until it is not active; False if it still is after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if not self.active:
                    return True
            except InstanceNotFound:
                return True  # a transient domain is gone when it stops
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            sleep(min(_POLL_S, left))

    def set_poweroff_action_destroy(self) -> None:
        """From now on a power-off inside ends the running machine (only this run of it)."""
        with self._doing("change what a power-off does to"):
            self._raw.setLifecycleAction(
                libvirt.VIR_DOMAIN_LIFECYCLE_POWEROFF,
                libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY,
                libvirt.VIR_DOMAIN_AFFECT_LIVE,
            )

    # Its devices

    def eject(self, target_dev: str) -> None:
        """Take the medium out of the CD-ROM drive ``target_dev``, now and for the next start.

        Forced, as a tray that the guest holds shut would time out. A drive on USB, which cannot be
        empty, goes with its medium.
        """
        disk = drive.emptied(self.xml(), target_dev, self.name)
        flags = libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE
        if self.persistent:
            flags |= libvirt.VIR_DOMAIN_DEVICE_MODIFY_CONFIG
        if self.active:
            flags |= libvirt.VIR_DOMAIN_DEVICE_MODIFY_LIVE
        with self._doing(f"eject the medium in '{target_dev}' of"):
            if drive.cannot_be_empty(disk):
                self._raw.detachDeviceFlags(disk, flags & ~libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE)
            else:
                drive.update(self._raw, disk, target_dev, flags)

    def insert(self, target_dev: str, path: str) -> None:
        """Put the file ``path`` of the host into the CD-ROM drive ``target_dev`` of the running
        machine; its definition, and so its next start, does not know of it.
        """
        disk = drive.filled(self.xml(live=True), target_dev, path, self.name)
        flags = libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE | libvirt.VIR_DOMAIN_DEVICE_MODIFY_LIVE
        with self._doing(f"put a medium into '{target_dev}' of"):
            drive.update(self._raw, disk, target_dev, flags)

    def medium(self, target_dev: str) -> str | None:
        """What is in the CD-ROM drive ``target_dev`` now: a file's path; None if it is empty."""
        return drive.medium(self.xml(live=True), target_dev)

    def screenshot(self) -> bytes:
        """What its screen shows: a portable pixmap, or PNG."""
        with self._doing("take a screenshot of"), self._link.side() as conn:
            return screen.picture(conn, conn.lookupByUUIDString(self.uuid))

    def screenshot_png(self) -> bytes:
        """What its screen shows, as PNG."""
        return screen.png(self.screenshot())

    def graphics(self) -> list[Graphics]:
        """Its graphics servers, as they listen now."""
        return graphics.listening(self.xml(live=True))

    def graphics_password(self, index: int) -> str:
        """The password of its graphics server ``index``, a secret; empty where it has none."""
        return graphics.password_of(self.xml(live=True, secure=True), index)

    def open_graphics_fd(self, index: int = 0) -> int:
        """A connected socket to its graphics server ``index``, without authentication.

        Raises:
            Refused: the host is remote; libvirt cannot pass descriptors there, and the attempt
                would end the connection.
        """
        if self._link.facts.is_remote:
            raise Refused(
                "a remote host cannot hand over its graphics socket",
                hint="go through an SSH channel to the address that 'vnc' shows",
            )
        with self._doing("open the screen of"):
            return int(self._raw.openGraphicsFD(index, libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH))

    def open_serial(self, *, force: bool = False) -> SerialConsole:
        """Its first serial console; with ``force`` taken from whoever holds it.

        Open it before ``resume`` and not a byte is missed.
        """
        return SerialConsole(self._link, self.uuid, force=force)

    # Talking to QEMU and to the guest

    def monitor(self, command: str) -> str:
        """Run a command of QEMU's human monitor; its errors come back as text, too."""
        with self._doing("use the QEMU monitor of"):
            return str(
                libvirt_qemu.qemuMonitorCommand(
                    self._raw, command, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
                )
            )

    @cached_property
    def agent(self) -> Agent:
        """The guest agent inside it."""
        return Agent(self._raw)

    def addresses(self) -> list[Address]:
        """Addresses of the guest from its agent, DHCP leases and ARP; [] if none is known."""
        return guest_addresses(self._raw)

    def user_interfaces(self) -> list[str]:
        """QEMU's names ('hostnet0') of its user-mode networks, in order."""
        return forwarding.user_netdevs(self.xml(live=True))

    def forward_ssh(self) -> int:
        """A port on the **host's** 127.0.0.1 that leads to the guest's port 22.

        The one there is, or a new one; it lasts until ``remove_forward`` or QEMU's end.

        Raises:
            Refused: no user-mode network.
        """
        return forwarding.forward_ssh(self.monitor, self.user_interfaces(), self.name)

    def forwarded_ssh_port(self) -> int | None:
        """The port that ``forward_ssh`` made, if there is one."""
        return forwarding.ssh_port(self.monitor, self.user_interfaces())

    def remove_forward(self, port: int) -> None:
        """Stop forwarding ``port``; fine if there is no such forward."""
        forwarding.remove(self.monitor, self.user_interfaces(), port, self.name)

    def _doing(self, what: str, safe: str | None = None) -> AbstractContextManager[None]:
        return translated(f"{what} '{self.name}'", safe=safe)
