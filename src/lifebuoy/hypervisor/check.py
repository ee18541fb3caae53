"""Is this host fit for rescue mode: facts with a verdict each. Changes nothing but our own pool."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lxml import etree
from platformdirs import user_cache_path

from lifebuoy.errors import HostTrouble, LifebuoyError
from lifebuoy.hypervisor import kvm
from lifebuoy.hypervisor.host import Host
from lifebuoy.hypervisor.tools import ACCESS_TOOLS, BUILD_TOOLS, Tool, how_to_get, is_there

_OLDEST_LIBVIRT: Final = (7, 0)
_LITTLE_SPACE: Final = 512 * 1024 * 1024
_KVM_DEVICE: Final = Path("/dev/kvm")
_UEFI_HINT: Final = "Debian, Ubuntu: ovmf; Fedora: edk2-ovmf"


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One fact. ``ok`` None: worth knowing, but rescue mode works without it."""

    name: str
    ok: bool | None
    detail: str
    hint: str = ""


def check_host(host: Host, *, cache_dir: Path | None = None) -> list[CheckItem]:
    """All checks, in the order in which a reader wants them; trouble becomes an item."""
    cache = cache_dir or user_cache_path("lifebuoy")
    checks: list[tuple[str, Callable[[], CheckItem]]] = [
        ("libvirt", lambda: _libvirt(host)),
        ("QEMU", lambda: CheckItem("QEMU", True, host.versions().qemu)),
        ("KVM", lambda: _kvm(host, cache)),
        ("storage", lambda: _storage(host)),
        ("UEFI firmware", lambda: _uefi(host)),
    ]
    items = [_guarded(name, check) for name, check in checks]
    if not host.is_remote:
        items += _kvm_device(_KVM_DEVICE)
    return items + [_tool(tool) for tool in (*BUILD_TOOLS, *ACCESS_TOOLS)]


def _guarded(name: str, check: Callable[[], CheckItem]) -> CheckItem:
    try:
        return check()
    except LifebuoyError as exc:
        return CheckItem(name, False, exc.message, exc.hint)


def _libvirt(host: Host) -> CheckItem:
    versions = host.versions()
    recent = tuple(int(part) for part in versions.libvirt.split(".")[:2]) >= _OLDEST_LIBVIRT
    return CheckItem(
        "libvirt",
        recent,
        f"{versions.libvirt} on {versions.hostname} ({host.uri})",
        "" if recent else "older than " + ".".join(map(str, _OLDEST_LIBVIRT)) + ": not tested",
    )


def _kvm(host: Host, cache_dir: Path) -> CheckItem:
    try:
        verdict = kvm.probe(host, cache_dir=cache_dir)
    except HostTrouble as exc:
        return CheckItem("KVM", None, f"could not be tried: {exc.message}", exc.hint)
    if verdict.usable:
        return CheckItem("KVM", True, f"{verdict.reason} ({verdict.seconds or 0:.1f} s)")
    return CheckItem(
        "KVM",
        None,
        verdict.reason,
        "guests of type 'qemu' work, slowly; guests of type 'kvm' cannot be rescued here: enable "
        "virtualisation in the firmware, or nested virtualisation on the outer host",
    )


def _kvm_device(device: Path) -> list[CheckItem]:
    """A /dev/kvm that libvirt's QEMU user cannot open costs seconds at every look-up."""
    if not device.exists():
        return [CheckItem(str(device), None, "is not there")]
    facts = device.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o066:
        return [CheckItem(str(device), True, f"mode {mode:04o}")]
    return [
        CheckItem(
            str(device),
            None,
            f"mode {mode:04o}: QEMU's user cannot open it, and libvirt asks QEMU for its "
            "abilities anew at every look-up, which takes seconds",
            f"chgrp kvm {device} && chmod 0660 {device} (udev does so by itself)",
        )
    ]


def _storage(host: Host) -> CheckItem:
    free = host.store.free_bytes()
    enough = free >= _LITTLE_SPACE
    return CheckItem(
        "storage",
        enough,
        f"{host.store.location}, {free // 2**20} MiB free",
        "" if enough else "a rescue image and its media need up to 512 MiB",
    )


def _uefi(host: Host) -> CheckItem:
    capabilities = etree.fromstring(host.domain_capabilities_xml("x86_64", "q35", "qemu"))
    values = capabilities.findall("os/loader/value")
    if not values:
        return CheckItem("UEFI firmware", None, "none: UEFI guests cannot run here", _UEFI_HINT)
    secure = [value.text for value in capabilities.findall("os/loader/enum[@name='secure']/value")]
    return CheckItem(
        "UEFI firmware", True, "found" + (", with Secure Boot" if "yes" in secure else "")
    )


def _tool(tool: Tool) -> CheckItem:
    name = f"{tool.program} (for '{tool.purpose}')"
    if is_there(tool):
        return CheckItem(name, True, "found")
    return CheckItem(name, None, "is missing on this machine", how_to_get(tool))
