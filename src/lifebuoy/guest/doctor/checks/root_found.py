"""Whether there is a root file system; what could not be mounted, what was not opened."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Dpkg, Evidence, Finding, Link, Severity
from ..naming import plain
from ..patient import Patient
from ..volume import LUKS, LVM, RAID

ID = "root-found"
LINK = Link.ROOT_FILE_SYSTEM
TITLE = "a root file system was found and can be mounted"
READS = "the signatures of all volumes, and what mount says"
NEEDS_ROOT = False
DPKG = Dpkg.UNUSED
_OPENED_BY = {
    LUKS: "doctor, at a terminal, asks for the passphrase; from the host: "
    "lifebuoy doctor NAME --passphrase",
    RAID: "with all its disks there: mdadm --assemble --scan --readonly, then doctor again",
    LVM: "with all its disks there: vgchange -ay, then doctor again",
}
_BY_HAND = {
    "xfs": ("mount it once to replay the log, unmount, then: xfs_repair DEVICE",),
    "btrfs": ("btrfs check --readonly DEVICE; btrfs rescue zero-log DEVICE only as a last step",),
}


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings where there is none, or several."""
    for volume, said in patient.refused:
        if volume.kind in _BY_HAND:
            yield Finding(
                ID,
                LINK,
                Severity.STOPS_BOOT if patient.root is None else Severity.WARNING,
                f"the file system {volume.name} cannot be mounted",
                plain(said),
                (Evidence(volume.name, f"a whole {volume.kind}", said),),
                None,
                _BY_HAND[volume.kind],
            )
    if patient.root is None:
        yield _none(patient)
    elif patient.other_roots:
        names = ", ".join(volume.name for volume in patient.other_roots)
        yield Finding(
            ID,
            LINK,
            Severity.NOTE,
            f"there are other systems too: {names}",
            f"Examined was the one on {patient.root.name}; --root names another.",
        )


def _none(patient: Patient) -> Finding:
    kinds = ", ".join(f"{one.name}: {one.kind or 'nothing known'}" for one in patient.volumes)
    closed = patient.closed[:10]
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        "no root file system was found",
        "Nothing that looks like a Linux system could be mounted from these disks."
        + (" It may be in what is not open." if closed else ""),
        (
            Evidence("the disks", "a file system with /etc and /usr", kinds or "no partitions"),
            *(Evidence(one.name, f"{one.kind} that can be opened", one.why) for one in closed),
        ),
        None,
        tuple(_OPENED_BY[kind] for kind in sorted({one.kind for one in patient.closed})),
    )
