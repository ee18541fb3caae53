"""grub.cfg: missing, empty, without entries, or its default entry names what is not there."""

from __future__ import annotations

from collections.abc import Iterator

from .. import grub
from ..formats import grubcfg
from ..kernels import kernels
from ..model import Evidence, Finding, Link, Severity
from ..patient import Patient

ID = "loader-grub-config"
LINK = Link.BOOT_LOADER
TITLE = "grub.cfg has entries, and the default one names a kernel, initramfs and disks that exist"
READS = "/boot/grub/grub.cfg, grubenv, loader entries, the UUIDs of all volumes"
NEEDS_ROOT = True
_BY_HAND = ("chroot the root, then: update-grub   (or grub2-mkconfig -o /boot/grub2/grub.cfg)",)


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about the file as a whole, else about the entry that boots by default."""
    if not grub.used(patient) or patient.root is None:
        return
    path = f"{grub.folder(patient)}/grub.cfg"
    text = patient.files.text(path, 4 << 20)
    if text is None or not text.strip("\0 \n\t"):
        state = "missing" if text is None else "empty"
        yield _finding(patient, path, f"{path} is {state}", "a menu", state)
        return
    config = grubcfg.parse(text)
    if config.uses_bls and patient.files.names("/boot/loader/entries"):
        return  # entries of their own: a later check's
    entries = [entry for entry in config.entries if entry.linux or entry.other]
    if not entries:
        yield _finding(patient, path, f"{path} has no entry that boots", "a menu entry", "none")
        return
    entry = _default(patient, config, entries)
    if not entry.other:
        yield from _entry(patient, path, entry)


def _default(
    patient: Patient, config: grubcfg.Config, entries: list[grubcfg.Entry]
) -> grubcfg.Entry:
    wanted = config.default or _saved(patient)
    title = wanted.rpartition(">")[2]
    for entry in entries:
        if title and (entry.title == title or title == str(entry.number)):
            return entry
    return entries[0]


def _saved(patient: Patient) -> str:
    text = patient.files.text(f"{grub.folder(patient)}/grubenv", 4096) or ""
    for line in text.split("\n"):
        if line.startswith("saved_entry="):
            return line[12:]
    return ""


def _entry(patient: Patient, path: str, entry: grubcfg.Entry) -> Iterator[Finding]:
    place = f"{path} line {entry.linux_line}"
    uuids = {volume.signature.uuid.lower() for volume in patient.volumes}
    unknown = [one for one in entry.searches[-1:] if one.lower() not in uuids and "$" not in one]
    if unknown:
        seen = (
            f"the default entry of {path} looks for the file system {unknown[0]}, which no disk has"
        )
        yield _finding(patient, path, seen, "a UUID of a volume", unknown[0])
        return
    kernel = _in_tree(patient, entry.linux)
    if kernel is not None and not patient.files.is_file(kernel):
        seen = f"the default entry of {path} names the kernel {entry.linux}, which is not there"
        if kernels(patient.files):
            yield _finding(patient, place, seen, "a kernel that exists", entry.linux)
        return  # with no kernel at all, that is the fault, and a check of its own
    root = entry.argument("root")
    if _is_wrong_root(patient, root):
        seen = f"the default entry of {path} says root={root}, which no disk has"
        yield _finding(patient, place, seen, f"root={grub.root_argument(patient)}", f"root={root}")
        return
    yield from _initrd(patient, place, path, entry)


def _initrd(patient: Patient, place: str, path: str, entry: grubcfg.Entry) -> Iterator[Finding]:
    name = entry.linux.rpartition("/")[2]
    known = next((one for one in kernels(patient.files) if one.name == name), None)
    if not entry.initrds and known is not None and known.initrd:
        seen = f"the default entry of {path} loads {name} without its initramfs"
        yield _finding(patient, place, seen, f"initrd {known.initrd}", "no initrd line")
        return
    for one in entry.initrds:
        inside = _in_tree(patient, one)
        if inside is None or patient.files.is_file(inside) or known is None or not known.initrd:
            continue
        seen = f"the default entry of {path} names the initramfs {one}, which is not there"
        yield _finding(patient, place, seen, known.initrd, one)
        return


def _is_wrong_root(patient: Patient, root: str) -> bool:
    if not root.startswith(("UUID=", "LABEL=", "PARTUUID=", "/dev/mapper/", "/dev/disk/by-uuid/")):
        return False
    if patient.closed or patient.is_promised(root):
        return False
    return patient.called(root) is None


def _in_tree(patient: Patient, path: str) -> str | None:
    """Where a file that GRUB names lies in the guest's tree; None where that cannot be told."""
    if path.startswith("("):
        path = path.partition(")")[2]
    if "$" in path or not path.startswith("/"):
        return None
    if patient.boot is not None:
        return f"/boot{path}"
    prefix = f"/{patient.subvolume}/" if patient.subvolume else "/"
    if patient.subvolume and path.startswith(prefix):
        return path[len(prefix) - 1 :]
    return path


def _finding(patient: Patient, place: str, seen: str, expected: str, found: str) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        seen,
        "GRUB has nothing to start, or starts what cannot find its root.",
        (Evidence(place, expected, found),),
        grub.configuration_repair(patient, "write grub.cfg anew, with every kernel that is there"),
        _BY_HAND,
    )
