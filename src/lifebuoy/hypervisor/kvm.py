"""Whether KVM does real work on a host: a verdict by trial, cached per host, kernel and QEMU.

A /dev/kvm that opens, even a guest that prints, is no proof. So a passing domain runs a boot
sector that computes, in emulation first, then under KVM against a few times that time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lxml import etree

from lifebuoy.errors import HostTrouble, LifebuoyError, TimedOut
from lifebuoy.hypervisor.bootsector import DONE, boot_disk
from lifebuoy.hypervisor.domain import Domain
from lifebuoy.hypervisor.host import Host

_PREFIX: Final = "lifebuoy-probe-"
_ARCH: Final = "x86_64"
_FACTOR: Final = 5.0  # of the time taken in emulation; KVM that works is far below once
_SHORTEST_DEADLINE_S: Final = 5.0
_CACHE_FOR_S: Final = 7 * 24 * 3600.0  # a remote host's kernel may change unseen
_NO_CPU_MODE: Final = frozenset({"", "custom"})  # libvirt's default model stands for these


@dataclass(frozen=True, slots=True)
class KvmVerdict:
    """``seconds`` is what the work took under KVM; None where it was not done or not tried."""

    usable: bool
    reason: str
    seconds: float | None


def probe(
    host: Host,
    *,
    cpu_mode: str = "host-passthrough",
    deadline_s: float = 20.0,
    cache_dir: Path,
) -> KvmVerdict:
    """Whether a domain of type kvm with that ``<cpu mode>`` does real work on ``host``.

    The trial takes at most about twice ``deadline_s``; its answer is kept in ``cache_dir``.

    Raises:
        HostTrouble: the trial itself could not be made (no storage, no console).
    """
    types = _domain_types(host)
    if "kvm" not in types:
        return KvmVerdict(False, f"libvirt offers no KVM for {_ARCH} guests on this host", None)
    cache = cache_dir / f"kvm-{_key(host, cpu_mode)}.json"
    known = _read(cache)
    if known is not None:
        return known
    verdict = _trial(host, cpu_mode, deadline_s, emulated="qemu" in types)
    _write(cache, verdict)
    return verdict


def _trial(host: Host, cpu_mode: str, deadline_s: float, *, emulated: bool) -> KvmVerdict:
    if host.is_embedded:
        _sweep(host)
    name = f"probe-{secrets.token_hex(4)}.img"
    disk = host.store.put(name, boot_disk(), shared=True)
    try:
        deadline = deadline_s
        if emulated:
            taken = _run(host, _probe_xml("qemu", "", disk.path), deadline_s)
            deadline = min(deadline_s, max(_FACTOR * taken, _SHORTEST_DEADLINE_S))
        try:
            seconds = _run(host, _probe_xml("kvm", cpu_mode, disk.path), deadline)
        except TimedOut:
            return KvmVerdict(
                False,
                f"a guest under KVM did not finish in {deadline:.0f} s what takes a moment "
                "in emulation",
                None,
            )
        except HostTrouble as exc:
            return KvmVerdict(False, f"a guest under KVM does not run: {exc.message}", None)
        return KvmVerdict(True, "a guest did real work under KVM", seconds)
    finally:
        host.store.remove(name, wipe=False)


def _run(host: Host, xml: str, deadline_s: float) -> float:
    """Seconds until the sector is done.

    Raises:
        TimedOut: it is not.
        HostTrouble: QEMU did not start, or ended.
    """
    domain = host.launch(xml, paused=True)
    try:
        with domain.open_serial() as console:
            started = time.monotonic()
            domain.resume()
            try:
                console.read_until(DONE, deadline_s)
            except EOFError as exc:
                raise HostTrouble("QEMU ended while the guest ran") from exc
            return time.monotonic() - started
    finally:
        _end(domain)


def _sweep(host: Host) -> None:
    """End probes that an earlier process left: the embedded driver serves one at a time."""
    for domain in host.domains():
        if domain.name.startswith(_PREFIX) and not domain.persistent:
            _end(domain)


def _end(domain: Domain) -> None:
    try:
        domain.destroy()
    except LifebuoyError:
        return  # it ended by itself, or will with this connection


def _probe_xml(virttype: str, cpu_mode: str, disk: str) -> str:
    root = etree.Element("domain", type=virttype)
    etree.SubElement(root, "name").text = _PREFIX + secrets.token_hex(4)
    etree.SubElement(root, "memory", unit="MiB").text = "32"
    system = etree.SubElement(root, "os")
    etree.SubElement(system, "type", arch=_ARCH, machine="q35").text = "hvm"
    if cpu_mode not in _NO_CPU_MODE:
        etree.SubElement(root, "cpu", mode=cpu_mode)
    devices = etree.SubElement(root, "devices")
    drive = etree.SubElement(devices, "disk", type="file", device="disk")
    etree.SubElement(drive, "driver", name="qemu", type="raw")
    etree.SubElement(drive, "source", file=disk)
    etree.SubElement(drive, "target", dev="vda", bus="virtio")
    etree.SubElement(drive, "readonly")
    etree.SubElement(drive, "boot", order="1")
    etree.SubElement(devices, "controller", type="usb", model="none")
    etree.SubElement(devices, "serial", type="pty")
    etree.SubElement(devices, "memballoon", model="none")
    return etree.tostring(root, encoding="unicode")


def _domain_types(host: Host) -> set[str]:
    capabilities = etree.fromstring(host.capabilities_xml())
    found = capabilities.findall(f"guest/arch[@name='{_ARCH}']/domain")
    return {kind for domain in found if (kind := domain.get("type"))}


def _key(host: Host, cpu_mode: str) -> str:
    versions = host.versions()
    parts = (host.uri, versions.hostname, versions.kernel, versions.qemu, cpu_mode)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _read(cache: Path) -> KvmVerdict | None:
    """The kept verdict; None if there is none, it is old, or unreadable."""
    try:
        if time.time() - cache.stat().st_mtime > _CACHE_FOR_S:
            return None
        data = json.loads(cache.read_text())
        return KvmVerdict(bool(data["usable"]), str(data["reason"]), data["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(cache: Path, verdict: KvmVerdict) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    draft = cache.with_name(f".{cache.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(asdict(verdict), indent=2) + "\n")
    draft.replace(cache)
