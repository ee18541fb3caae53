"""grub.cfg: missing, empty, without entries, or its default entry names what is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import grub
from ..formats import grubcfg
from ..kernels import kernels
from ..model import Dpkg, Evidence, Finding, Link, Severity
from ..patient import Patient

ID = "loader-grub-config"
LINK = Link.BOOT_LOADER
TITLE = "grub.cfg has entries, and the default one names a kernel, initramfs and disks that exist"
READS = "/boot/grub/grub.cfg, or EFI/*/grub.cfg, grubenv, the UUIDs of all volumes"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about the file as a whole, else about the entry that boots by default."""
    if not grub.used(patient) or patient.root is None:
        return
    path = grub.config_path(patient)
    text = patient.files.text(path, 4 << 20)
    if text is None or not text.strip("\0 \n\t"):
        state = "missing" if text is None else "empty"
        yield _finding(patient, path, f"{path} is {state}", "a menu", state)
        return
    config = grubcfg.parse(text)
    entries = [entry for entry in config.entries if entry.linux or entry.other]
    own = any(entry.linux for entry in entries)
    if config.uses_bls and (patient.files.names(grub.ENTRIES) or not own):
        yield from _lost(patient, path, config.searches)
        return  # the entries are files of their own, and a check of theirs looks at them
    if not entries:
        yield _finding(patient, path, f"{path} has no entry that boots", "a menu entry", "none")
        return
    entry = _default(patient, config, entries)
    if not entry.other:
        yield from _entry(patient, path, entry)


def _lost(patient: Patient, path: str, searches: Sequence[str]) -> Iterator[Finding]:
    """Where it looks for the volume of its entries, and that is on none of the disks."""
    known = {volume.signature.uuid.lower() for volume in patient.volumes}
    named = [one for one in searches if "$" not in one]
    if named and not any(one.lower() in known for one in named):
        seen = f"{path} looks for the file system {named[0]}, which no disk has"
        yield _finding(patient, path, seen, "a UUID of a volume", named[0])


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
    kernel = patient.in_tree(entry.linux)
    if kernel is not None and not patient.files.is_file(kernel):
        seen = f"the default entry of {path} names the kernel {entry.linux}, which is not there"
        if kernels(patient.files):
            yield _finding(patient, place, seen, "a kernel that exists", entry.linux)
        return  # with no kernel at all, that is the fault, and a check of its own
    root = entry.argument("root")
    if patient.is_unknown_root(root):
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
        inside = patient.in_tree(one)
        if inside is None or patient.files.is_file(inside) or known is None or not known.initrd:
            continue
        seen = f"the default entry of {path} names the initramfs {one}, which is not there"
        yield _finding(patient, place, seen, known.initrd, one)
        return


def _finding(patient: Patient, place: str, seen: str, expected: str, found: str) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        seen,
        "GRUB has nothing to start, or starts what cannot find its root.",
        (Evidence(place, expected, found),),
        grub.configuration_repair(patient, "write grub.cfg anew, with every kernel that is there"),
        (patient.distribution.commands.grub_config,),
    )
