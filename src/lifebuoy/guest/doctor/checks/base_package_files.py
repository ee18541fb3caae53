"""Files of the packages that a boot needs: missing, or with other bytes than the package has."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator

from ..model import Evidence, Finding, Link, Severity
from ..packages import dpkg
from ..patient import Patient
from ..restoring import from_packages
from . import base_merged_usr

ID = "base-package-files"
LINK = Link.BASE_SYSTEM
TITLE = "the files of the packages that a boot needs are there, unaltered"
READS = "/var/lib/dpkg/info, and every file of the essential packages"
NEEDS_ROOT = True
MOST_HASHED = 1 << 30
CHUNK = 1 << 20
#: packages beyond the essential and required ones that a boot to a login and to SSH needs
BOOT_PACKAGES = frozenset(
    [
        "apparmor",
        "cloud-init",
        "dbus",
        "dbus-bin",
        "dbus-broker",
        "dbus-daemon",
        "dbus-system-bus-common",
        "ifupdown",
        "init",
        "init-system-helpers",
        "initramfs-tools",
        "initramfs-tools-core",
        "isc-dhcp-client",
        "kmod",
        "login",
        "login.defs",
        "lvm2",
        "netplan.io",
        "network-manager",
        "openssh-server",
        "openssh-client",
        "openssh-sftp-server",
        "passwd",
        "procps",
        "systemd",
        "systemd-sysv",
        "systemd-resolved",
        "udev",
        "cryptsetup",
        "mdadm",
        "libnss-systemd",
        "libpam-systemd",
        "busybox",
        "dmsetup",
        "dmeventd",
        "ca-certificates",
        "netbase",
        "adduser",
    ]
)
_LEFT_OUT = (
    "/usr/share/doc/",
    "/usr/share/man/",
    "/usr/share/locale/",
    "/usr/share/info/",
    "/usr/share/lintian/",
    "/usr/share/bug/",
    "/usr/share/doc-base/",
    "/usr/share/menu/",
    "/usr/share/help/",
)
_HASHED = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/usr/lib64/", "/boot/")


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each package with missing or altered files."""
    database = dpkg.database(patient)
    if database is None:
        return
    reported = patient.cache.get("reported")
    known = {dpkg.canonical(one) for one in reported} if isinstance(reported, set) else set()
    excluded = _excluded(patient)
    budget = [MOST_HASHED]
    for name in _wanted(patient, database):
        missing = [one for one in _missing(patient, database, name, excluded) if one not in known]
        altered = [one for one in _altered(patient, database, name, budget) if one not in known]
        if missing or altered:
            yield _finding(patient, name, missing, altered)


def _wanted(patient: Patient, database: dpkg.Database) -> list[str]:
    closure = patient.cache.get("closure")
    owners = set()
    for path in closure if isinstance(closure, set) else ():
        owner = database.owner(path)
        if owner is not None:
            owners.add(owner.name)
    return [
        package.name
        for package in database.packages.values()
        if package.essential
        or package.priority == "required"
        or package.name in BOOT_PACKAGES
        or package.name in owners
    ]


def _excluded(patient: Patient) -> list[str]:
    """Folders that this dpkg was told to leave out."""
    found = list(_LEFT_OUT)
    for name in patient.files.names("/etc/dpkg/dpkg.cfg.d")[:50]:
        text = patient.files.text(f"/etc/dpkg/dpkg.cfg.d/{name}", 65536) or ""
        for line in text.splitlines():
            if line.startswith("path-exclude"):
                pattern = line.partition("=")[2].strip() or line[12:].strip()
                found.append(dpkg.canonical(pattern.rstrip("*")))
    return found


def _missing(
    patient: Patient, database: dpkg.Database, name: str, excluded: Iterable[str]
) -> Iterator[str]:
    conffiles = {dpkg.canonical(one) for one in database.packages[name].conffiles}
    left_out = tuple(excluded)
    for path in database.files(name):
        if path.startswith(left_out) or path in conffiles or path.startswith(("/etc/", "/var/")):
            continue  # what the owner may have removed is for the checks that know what it means
        if path.startswith(("/run/", "/dev/", "/proc/", "/sys/", "/tmp/")):
            continue
        if path.strip("/") in base_merged_usr.NAMES:
            continue
        if patient.files.lstat(path) is None and not _diverted(patient, path):
            yield path


def _diverted(patient: Patient, path: str) -> bool:
    text = patient.cache.get("diversions")
    if text is None:
        text = patient.files.text(f"{dpkg.ADMIN}/diversions", 1 << 20) or ""
        patient.cache["diversions"] = text
    assert isinstance(text, str)
    short = path[4:] if path.startswith("/usr/") else path
    lines = text.split("\n")
    return path in lines or short in lines


def _altered(
    patient: Patient, database: dpkg.Database, name: str, budget: list[int]
) -> Iterator[str]:
    for path, digest in database.sums(name).items():
        if not path.startswith(_HASHED) or path.startswith("/usr/lib/modules/"):
            continue
        found = patient.files.lstat(path)
        if found is None or not stat.S_ISREG(found.st_mode) or _diverted(patient, path):
            continue
        budget[0] -= found.st_size
        if budget[0] < 0:
            return
        if _digest(patient, path) != digest:
            yield path


def _digest(patient: Patient, path: str) -> str:
    """MD5 of a file; empty where it cannot be read to its end."""
    file = patient.files.open(path)
    if file is None:
        return ""
    summing = hashlib.md5(usedforsecurity=False)
    with file:
        try:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                summing.update(chunk)
        except OSError:
            return ""
    return summing.hexdigest()


def _finding(patient: Patient, name: str, missing: list[str], altered: list[str]) -> Finding:
    paths = [*missing, *altered]
    vital = any(path.startswith(("/usr/bin/", "/usr/sbin/", "/usr/lib")) for path in paths)
    found = f"{len(missing)} missing, {len(altered)} altered"
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if vital and _is_vital(patient, name, paths) else Severity.WARNING,
        f"files of the package {name}: {found}, such as {paths[0]}",
        "The boot needs this package whole.",
        tuple(Evidence(path, "as in the package", "missing") for path in missing[:5])
        + tuple(Evidence(path, "as in the package", "other bytes") for path in altered[:5]),
        from_packages(patient, paths),
        (f"chroot the root, then: apt-get install --reinstall {name}",),
    )


def _is_vital(patient: Patient, name: str, paths: list[str]) -> bool:
    """Whether the boot itself passes through one of these files."""
    closure = patient.cache.get("closure")
    loaded = closure if isinstance(closure, set) else set()
    if any(path in loaded for path in paths):
        return True
    return len(paths) > 20 and name in ("coreutils", "systemd", "bash", "util-linux", "dash")
