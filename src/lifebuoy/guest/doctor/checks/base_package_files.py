"""Files of the packages that a boot needs: missing, or with other bytes than the package has."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from ..formats import unitfile
from ..model import Dpkg, Evidence, Finding, Link, Severity
from ..packages import dpkg
from ..patient import Patient
from ..restoring import from_packages
from ..usr import NAMES, Usr

ID = "base-package-files"
LINK = Link.BASE_SYSTEM
TITLE = "the files of the packages that a boot needs are there, unaltered"
READS = "/var/lib/dpkg/info, diversions, and every file of the essential packages"
NEEDS_ROOT = True
DPKG = Dpkg.NEEDED
MOST_HASHED = 1 << 30
CHUNK = 1 << 20
READERS = 3
BATCH = 50  # files
MOST_RULES = 1000
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
#: what the owner may have removed, or is for the checks that know what it means
_LEFT_OUT = (
    "/etc/",
    "/var/",
    "/run/",
    "/dev/",
    "/proc/",
    "/sys/",
    "/tmp/",
    "/usr/share/doc/",
    "/usr/share/man/",
    "/usr/share/locale/",
    "/usr/share/info/",
    "/usr/share/lintian/",
    "/usr/share/bug/",
    "/usr/share/doc-base/",
    "/usr/share/menu/",
    "/usr/share/help/",
    "/usr/local/",
)
_NOT_NEEDED = frozenset(
    [
        *("/home", "/srv", "/mnt", "/media", "/opt", "/usr/games", "/usr/include", "/usr/local"),
        *("/usr/src", "/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info"),
    ]
)
_PROGRAMS = ("/usr/bin/", "/usr/sbin/", "/usr/lib", "/bin/", "/sbin/", "/lib")
_HASHED = (*_PROGRAMS, "/boot/")
_MODULES = ("/usr/lib/modules/", "/lib/modules/")


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each package with missing or altered files."""
    database = dpkg.database(patient)
    if database is None:
        return
    reported = patient.cache.get("reported")
    known = {database.known(one) for one in reported} if isinstance(reported, set) else set()
    excluded = _excluded(patient, database.usr)
    wanted = _wanted(patient, database)
    budget = [MOST_HASHED]
    # Reading waits for the disk and summing leaves the interpreter: it goes on beside the rest.
    with ThreadPoolExecutor(READERS) as pool:
        altered = {name: _altered(patient, database, name, budget, pool) for name in wanted}
        missing = {name: _missing(patient, database, name, excluded) for name in wanted}
        for name in wanted:
            gone = [one for one in missing[name] if one not in known]
            wrong = [one for batch in altered[name] for one in batch.result() if one not in known]
            edited = [one for one in wrong if _is_loaded_unit(patient, one)]
            wrong = [one for one in wrong if one not in edited]
            if gone or wrong:
                yield _finding(patient, name, gone, wrong)
            if edited:
                yield _edited(name, edited)


def _wanted(patient: Patient, database: dpkg.Database) -> list[str]:
    closure = patient.cache.get("closure")
    owners = set()
    for path in closure if isinstance(closure, set) else ():
        owner = database.owner(path)
        if owner is not None:
            owners.add(owner.key)
    return [
        package.key
        for package in database.packages.values()
        if package.key in owners
        or (
            not package.foreign
            and (
                package.essential or package.priority == "required" or package.name in BOOT_PACKAGES
            )
        )
    ]


def _excluded(patient: Patient, usr: Usr) -> Callable[[str], bool]:
    """Whether this dpkg was told to leave a path out: the last pattern that fits counts."""
    folder = "/etc/dpkg/dpkg.cfg.d"
    names = [f"{folder}/{name}" for name in patient.files.names(folder)[:50]]
    rules: list[tuple[re.Pattern[str], bool]] = []
    for path in ("/etc/dpkg/dpkg.cfg", *names):
        rules += dpkg.left_out_by(patient.files.text(path, 65536) or "", usr)
    last_first = rules[::-1][:MOST_RULES]
    return lambda path: next((out for pattern, out in last_first if pattern.match(path)), False)


def _missing(
    patient: Patient, database: dpkg.Database, name: str, excluded: Callable[[str], bool]
) -> list[str]:
    conffiles = {database.canonical(one) for one in database.packages[name].conffiles}
    return [
        path
        for path in database.files(name)
        if not path.startswith(_LEFT_OUT)
        and path not in _NOT_NEEDED
        and path not in conffiles
        and path.strip("/") not in NAMES
        and patient.files.lstat(path) is None
        and not database.diverted(path, name)
        and not excluded(path)
    ]


def _altered(
    patient: Patient, database: dpkg.Database, name: str, budget: list[int], pool: Executor
) -> list[Future[list[str]]]:
    """The files with other bytes than the package has, in batches that are still worked on."""
    files: list[tuple[str, str, str]] = []
    for path, digest in database.sums(name).items():
        if not path.startswith(_HASHED) or path.startswith(_MODULES):
            continue
        real = patient.files.target(path)
        found = patient.files.lstat(path)
        if real is None or found is None or not stat.S_ISREG(found.st_mode):
            continue
        if database.diverted(path, name):
            continue
        budget[0] -= found.st_size
        if budget[0] < 0:
            break
        files.append((path, patient.files.here(real), digest))
    return [
        pool.submit(_other, files[first : first + BATCH]) for first in range(0, len(files), BATCH)
    ]


def _other(files: list[tuple[str, str, str]]) -> list[str]:
    return [path for path, place, digest in files if _digest(place) != digest]


def _digest(place: str) -> str:
    """MD5 of a regular file of the guest, by where it lies here; empty where it cannot be read."""
    summing = hashlib.md5(usedforsecurity=False)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            piece = min(CHUNK, os.fstat(descriptor).st_size + 1)  # a small file in one piece
            while chunk := os.read(descriptor, piece):
                summing.update(chunk)
        finally:
            os.close(descriptor)
    except OSError:
        return ""
    return summing.hexdigest()


def _finding(patient: Patient, name: str, missing: list[str], altered: list[str]) -> Finding:
    paths = [*missing, *altered]
    vital = any(path.startswith(_PROGRAMS) for path in paths)
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


def _is_loaded_unit(patient: Patient, path: str) -> bool:
    """Whether it is a unit that systemd loads all the same: owners edit them in place."""
    tree = patient.files
    text = tree.text(path, unitfile.MOST_BYTES) if unitfile.is_unit(path) else None
    if text is None or unitfile.fault(text, path):
        return False
    return all(map(tree.exists, unitfile.programs(text)))


def _edited(name: str, paths: list[str]) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.NOTE,
        f"units of the package {name} are not as in the package, such as {paths[0]}",
        "systemd loads them; what their owner wrote there goes with the package's next update.",
        tuple(Evidence(path, "as in the package", "other settings") for path in paths[:10]),
        None,
        (
            f"to keep it: systemctl edit {paths[0].rpartition('/')[2]}; to have the package's own: "
            f"chroot the root, then: apt-get install --reinstall {name}",
        ),
    )


def _is_vital(patient: Patient, name: str, paths: list[str]) -> bool:
    """Whether the boot itself passes through one of these files."""
    closure = patient.cache.get("closure")
    loaded = closure if isinstance(closure, set) else set()
    if any(path in loaded for path in paths):
        return True
    return len(paths) > 20 and name in ("coreutils", "systemd", "bash", "util-linux", "dash")
