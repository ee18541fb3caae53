"""What the dynamic loader reads first: ld.so.cache corrupt, ld.so.preload naming nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ..change import Change, PutFile, Remove, RunOutside
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "base-loader-cache"
LINK = Link.BASE_SYSTEM
TITLE = "ld.so.cache is whole, and ld.so.preload names libraries that exist"
READS = "/etc/ld.so.cache, /etc/ld.so.preload"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
LIBRARIES = "/usr/lib64"
CACHE, PRELOAD = "/etc/ld.so.cache", "/etc/ld.so.preload"
_NEW, _OLD = b"glibc-ld.so.cache1.1", b"ld.so-1.7.0"
MOST_ENTRIES = 200_000


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each of the two files."""
    data = patient.files.read(CACHE, 32 << 20)
    if data is not None:
        fault = _fault(data)
        if fault:
            yield _cache(patient, fault, len(data))
    text = patient.files.text(PRELOAD, 65536)
    if text:
        yield from _preload(patient, text)


def _fault(data: bytes) -> str:
    """What is wrong with a cache; empty where nothing is."""
    at = data.find(_NEW, 0, 1 << 20) if data[: len(_OLD)] == _OLD else 0
    if data[at : at + len(_NEW)] != _NEW:
        return "" if data[: len(_OLD)] == _OLD and at < 0 else "its first bytes are not a cache's"
    if len(data) < at + 48:
        return "it is cut off"
    count, strings = struct.unpack_from("<II", data, at + 20)
    if count > MOST_ENTRIES or at + 48 + 24 * count + strings > len(data):
        return "it is cut off"
    for number in range(count):
        _, key, value = struct.unpack_from("<iII", data, at + 48 + 24 * number)
        if not 0 < key < len(data) - at or not 0 < value < len(data) - at:
            return f"entry {number} leads out of it"
    return ""


def _cache(patient: Patient, fault: str, size: int) -> Finding:
    changes: list[Change] = [Remove(CACHE)]
    if patient.files.exists("/sbin/ldconfig"):
        changes.append(RunOutside(("ldconfig", "-X", "-r", "{root}", *_own(patient)), (CACHE,)))
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if "entry" in fault else Severity.WARNING,
        f"{CACHE} is corrupt: {fault}",
        "The loader looks up libraries in it, and crashes or passes it over.",
        (Evidence(CACHE, "a cache that ldconfig wrote", f"{size} bytes; {fault}"),),
        Repair("make it anew", tuple(changes)),
        ("rm /mnt/vm1/etc/ld.so.cache; ldconfig -r /mnt/vm1",),
    )


def _own(patient: Patient) -> list[str]:
    """Folders that the system's own ldconfig looks in by itself, and this system's does not."""
    names = patient.files.names(LIBRARIES)
    return [LIBRARIES] if any(name.startswith("libc.so") for name in names) else []


def _preload(patient: Patient, text: str) -> Iterator[Finding]:
    names = [
        word for line in text.splitlines() for word in line.split("#")[0].replace(":", " ").split()
    ]
    plain = [one for one in names if one.startswith("/") and "$" not in one]  # $LIB: the loader's
    missing = [one for one in plain if not patient.files.is_file(one)]
    broken = [one for one in plain if _is_no_library(patient, one)]
    if not missing and not broken:
        return
    wrong = [*missing, *broken]
    kept = [one for one in names if one not in wrong]
    data = "".join(f"{one}\n" for one in kept).encode()
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"{PRELOAD} names {wrong[0]}, which is {'missing' if missing else 'no library'}",
        "Every program that starts is to load it first, and complains or fails.",
        tuple(Evidence(PRELOAD, "a library that exists", one) for one in wrong),
        Repair("leave it out", (PutFile(PRELOAD, data, beside=True),)),
    )


def _is_no_library(patient: Patient, path: str) -> bool:
    data = patient.files.read(path, 4)
    return data is not None and data != b"\x7fELF"
