"""The links /bin, /sbin, /lib and /lib64 into /usr are gone: no program finds its loader."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import MakeLink
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient
from ..usr import NAMES, Usr, shape

ID = "base-merged-usr"
LINK = Link.BASE_SYSTEM
TITLE = "/bin, /sbin, /lib and /lib64 lead to the programs and libraries"
READS = "the names in / and /usr"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED


def gone(patient: Patient) -> list[str]:
    """The names that should lead into /usr and do not; with any, nothing can be loaded.

    None on a system that never had them: what is missing there is the packages' or nobody's.
    """
    tree = patient.files
    if not tree.is_folder("/usr/bin") or not tree.is_folder("/usr/lib"):
        return []
    if shape(tree) is Usr.SPLIT:
        return []
    return [
        name
        for name in NAMES
        if not tree.exists(f"/{name}")
        and tree.is_folder(f"/usr/{name}")
        and _expected(patient, name)
    ]


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding for all that are gone, as one repair mends them."""
    wrong = gone(patient)
    if not wrong:
        return
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"/{wrong[0]} is gone, which should lead to usr/{wrong[0]}",
        "Programs name their loader as /lib64/ld-linux-..., scripts their shell as /bin/sh.",
        tuple(
            Evidence(f"/{name}", f"a link to usr/{name}", _state(patient, name)) for name in wrong
        ),
        Repair("make the links", tuple(MakeLink(f"/{name}", f"usr/{name}") for name in wrong)),
        tuple(f"ln -s usr/{name} /mnt/vm1/{name}" for name in wrong),
    )


def _expected(patient: Patient, name: str) -> bool:
    if name in ("lib32", "libx32"):
        return False  # only where 32-bit programs are; their absence stops no boot
    if name == "lib64":
        return bool(patient.files.names("/usr/lib64"))
    return True


def _state(patient: Patient, name: str) -> str:
    link = patient.files.link(f"/{name}")
    return "missing" if link is None else f"a link to {link}, which is missing"
