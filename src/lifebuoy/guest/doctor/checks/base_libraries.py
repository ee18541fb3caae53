"""Programs of the boot path whose loader or libraries are missing, cut off or no ELF files."""

from __future__ import annotations

from collections.abc import Iterator

from ..libraries import Libraries, Trouble
from ..model import Dpkg, Evidence, Finding, Link, Severity
from ..patient import Patient
from ..programs import boot_path
from ..restoring import from_packages, library_paths
from . import base_merged_usr

ID = "base-libraries"
LINK = Link.BASE_SYSTEM
TITLE = "the programs of the boot can be loaded, with all their libraries"
READS = "ELF headers and dynamic sections of init, shell, login, sshd and what they need"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS

_FATAL = ("systemd", "/init", "bash", "dash", "sh", "login", "agetty", "busybox")
_CORE = ("libc.", "ld-linux", "ld-musl", "ld64", "libcrypto", "libpam", "libsystemd")


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each file that cannot be loaded."""
    if base_merged_usr.gone(patient):
        return  # then nothing is where it is looked for, and that is the fault
    libraries = Libraries(patient.files)
    for trouble in libraries.troubles(boot_path(patient.files)):
        yield _finding(patient, trouble)
    patient.cache["closure"] = libraries.closure()


def _finding(patient: Patient, trouble: Trouble) -> Finding:
    if trouble.path:
        paths = [trouble.path]
        seen = f"{trouble.path} cannot be loaded: {trouble.fault}"
        expected = f"{trouble.wanted_size} bytes" if trouble.wanted_size else "an ELF file"
        evidence = Evidence(trouble.path, expected, f"{trouble.size} bytes, {trouble.fault}")
    else:
        paths = [trouble.name] if "/" in trouble.name else library_paths(patient, trouble.name)
        seen = f"{trouble.name} is missing, which {trouble.user} needs"
        evidence = Evidence(trouble.user, f"{trouble.name} to be there", "it is nowhere")
    fatal = trouble.user.endswith(_FATAL)
    known = patient.cache.setdefault("reported", set())
    assert isinstance(known, set)
    known.update(paths)
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if fatal or _is_core(trouble) else Severity.WARNING,
        seen,
        f"{trouble.user} cannot start without it.",
        (evidence,),
        from_packages(patient, paths) if paths else None,
        patient.distribution.put_back(paths[0] if paths else trouble.user),
    )


def _is_core(trouble: Trouble) -> bool:
    name = trouble.name.rpartition("/")[2]
    return name.startswith(_CORE)
