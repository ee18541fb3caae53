"""Whether there is a root file system; what could not be mounted, what was not opened."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Evidence, Finding, Link, Severity
from ..naming import plain
from ..patient import Patient

ID = "root-found"
LINK = Link.ROOT_FILE_SYSTEM
TITLE = "a root file system was found and can be mounted"
READS = "the signatures of all volumes, and what mount says"
NEEDS_ROOT = False
_LAYERS = {
    "crypto_LUKS": "cryptsetup open DEVICE NAME, then name /dev/mapper/NAME as a disk",
    "linux_raid_member": "mdadm --assemble --scan --readonly, then name /dev/md* as a disk",
    "LVM2_member": "vgchange -ay, then name /dev/VG/LV as a disk",
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
    layers = {volume.kind for volume in patient.volumes} & set(_LAYERS)
    kinds = ", ".join(f"{one.name}: {one.kind or 'nothing known'}" for one in patient.volumes)
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        "no root file system was found",
        "Nothing that looks like a Linux system could be mounted from these disks.",
        (Evidence("the disks", "a file system with /etc and /usr", kinds or "no partitions"),),
        None,
        tuple(_LAYERS[kind] for kind in sorted(layers)),
    )
