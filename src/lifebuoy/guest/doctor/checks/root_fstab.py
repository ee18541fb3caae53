"""/etc/fstab: lines that stop the boot: their disk is not there, or they are malformed."""

from __future__ import annotations

from collections.abc import Iterator

from .. import servers, units
from ..change import MakeFolder, PutFile
from ..formats import fstab
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient
from ..volume import LVM

ID = "root-fstab"
LINK = Link.ROOT_FILE_SYSTEM
TITLE = "every line of /etc/fstab that the boot waits for can be mounted"
READS = "/etc/fstab, the UUIDs and labels of all volumes"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
PATH = "/etc/fstab"
MOST_ASKED = 5  # servers; each may take seconds not to answer
_SYSTEM = ("/", "/boot", "/boot/efi", "/efi", "/usr", "/var")
_NAMED = ("UUID=", "LABEL=", "PARTUUID=", "/dev/disk/by-uuid/", "/dev/mapper/")


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each kind of fault, as they are mended together."""
    text = patient.files.text(PATH)
    if text is None:
        yield from _missing(patient)
        return
    lines = fstab.parse(text)
    yield from _malformed(text, lines)
    yield from _unknown(patient, text, lines)
    yield from _network(text, lines)
    yield from _folders(patient, lines)
    yield from _read_only(text, lines)


def _evidence(line: fstab.Line, expected: str) -> Evidence:
    return Evidence(f"{PATH} line {line.number}", expected, line.text, line.offset)


def _missing(patient: Patient) -> Iterator[Finding]:
    root = patient.root
    if root is None:
        return
    source = root.names[0] if root.inside[-1:] == (LVM,) else f"UUID={root.signature.uuid}"
    lines = [f"{source} / {root.kind} defaults 0 1"]
    if patient.boot not in (None, patient.esp):
        lines.append(f"UUID={patient.boot.signature.uuid} /boot {patient.boot.kind} defaults 0 2")
    if patient.esp is not None and patient.firmware == "uefi":
        place = patient.esp_folder or "/boot/efi"
        lines.append(f"UUID={patient.esp.signature.uuid} {place} vfat umask=0077 0 1")
    new = "# written by Lifebuoy's doctor, as there was none\n" + "\n".join(lines) + "\n"
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        "/etc/fstab is missing",
        "The root stays mounted read-only, and nothing else is mounted.",
        (Evidence(PATH, "a file", "missing"),),
        Repair("write one that names the volumes found", (PutFile(PATH, new.encode()),)),
    )


def _edited(text: str) -> PutFile:
    return PutFile(PATH, text.encode("utf-8", "surrogateescape"), beside=True)


def _malformed(text: str, lines: list[fstab.Line]) -> Iterator[Finding]:
    wrong = [line for line in lines if line.malformed]
    if not wrong:
        return
    numbers = {line.number for line in wrong}
    new = fstab.without(text, numbers, "disabled by Lifebuoy's doctor: malformed")
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"/etc/fstab line {wrong[0].number} is malformed: {wrong[0].malformed}",
        "The line is passed over or misread; a mount that the system counts on does not happen.",
        tuple(_evidence(line, "source, mount point, type, options, dump, pass") for line in wrong),
        Repair("make the line a comment", (_edited(new),)),
    )


def _unknown(patient: Patient, text: str, lines: list[fstab.Line]) -> Iterator[Finding]:
    wrong = [line for line in lines if _is_unknown(patient, line)]
    if not wrong:
        return
    system = [line for line in wrong if line.where in _SYSTEM]
    new, summary = text, "make the line a comment"
    for line in system:
        right = _right_source(patient, line)
        if right:
            new = _with_source(new, line.number, right)
            summary = f"name the volume that is there: {right}"
    rest = {line.number for line in wrong if line not in system or not _right_source(patient, line)}
    rest -= {line.number for line in wrong if line.where == "/"}
    new = fstab.without(new, rest, "disabled by Lifebuoy's doctor: no such volume on any disk")
    strict = units.present(patient.files)  # OpenRC says that it failed, and goes on
    waits = [line for line in wrong if strict and line.kind != "swap" and line.where != "/"]
    only_root = all(line.where == "/" for line in wrong)
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if waits else Severity.WARNING,
        f"/etc/fstab line {wrong[0].number} names {wrong[0].source}, which no disk has",
        "The boot waits for it, then stops in emergency mode."
        if waits
        else "The kernel mounts the root by its own root=; it stays read-only, and is not checked."
        if only_root
        else "The boot waits 90 seconds for it, then goes on without this swap."
        if strict
        else "It is not mounted, and what needs it does not start.",
        tuple(_evidence(line, "a volume that is there, or nofail") for line in wrong),
        Repair(summary, (_edited(new),)) if new != text else None,
        (f"edit {PATH}: correct the line, or add nofail to its options",),
    )


def _is_unknown(patient: Patient, line: fstab.Line) -> bool:
    if line.malformed or line.optional or line.network or line.kind in fstab.VIRTUAL:
        return False
    if patient.is_promised(line.source):
        return False
    if line.source.startswith("/dev/") and not line.source.startswith(_NAMED):
        return False  # a kernel's name: another machine may call the disk differently
    if not line.source.startswith(_NAMED):
        return False
    if patient.closed and not line.source.startswith("PARTUUID="):
        return False  # it may be in what was not opened
    return patient.called(line.source) is None


def _right_source(patient: Patient, line: fstab.Line) -> str:
    known = {"/": patient.root, "/boot": patient.boot, patient.esp_folder: patient.esp}
    volume = known.get(line.where)
    if volume is None or not volume.signature.uuid:
        return ""
    return f"UUID={volume.signature.uuid}"


def _with_source(text: str, number: int, source: str) -> str:
    lines = text.split("\n")
    fields = lines[number - 1].split()
    lines[number - 1] = " ".join([source, *fields[1:]])
    return "\n".join(lines)


def _network(text: str, lines: list[fstab.Line]) -> Iterator[Finding]:
    needed = [line for line in lines if line.network and not line.optional and not line.malformed]
    silent = [line for line in needed[:MOST_ASKED] if servers.is_silent(line)]
    wrong = silent or needed
    if not wrong:
        return
    new = fstab.with_option(text, {line.number for line in wrong}, "nofail")
    yield Finding(
        ID,
        LINK,
        Severity.WARNING if silent else Severity.NOTE,
        f"/etc/fstab line {wrong[0].number} mounts {wrong[0].source} by network, without nofail"
        + (", and the server does not answer" if silent else ""),
        "While the server does not answer, the boot waits for it, for minutes or for good.",
        tuple(_evidence(line, "the option nofail") for line in wrong),
        Repair("add the option nofail", (_edited(new),)),
    )


def _folders(patient: Patient, lines: list[fstab.Line]) -> Iterator[Finding]:
    for line in lines:
        if line.malformed or not line.where.startswith("/") or line.where == "/":
            continue
        if _is_unknown(patient, line):
            continue
        if patient.files.is_folder(line.where) or "x-mount.mkdir" in line.options:
            continue
        if patient.files.exists(line.where):
            continue  # a file as mount point, as containers have them
        yield Finding(
            ID,
            LINK,
            Severity.NOTE,
            f"the mount point {line.where} of /etc/fstab line {line.number} is missing",
            "systemd makes it; other systems do not mount it.",
            (_evidence(line, "a folder"),),
            Repair("make the folder", (MakeFolder(line.where),)),
        )


def _read_only(text: str, lines: list[fstab.Line]) -> Iterator[Finding]:
    for line in lines:
        if line.where == "/" and not line.malformed and "ro" in line.options:
            options = ",".join("rw" if one == "ro" else one for one in line.options)
            rows = text.split("\n")
            fields = rows[line.number - 1].split()
            rows[line.number - 1] = " ".join([*fields[:3], options, *fields[4:]])
            yield Finding(
                ID,
                LINK,
                Severity.WARNING,
                "/etc/fstab mounts the root read-only",
                "Services that write fail, and nobody can change a password or log in properly.",
                (_evidence(line, "the option rw"),),
                Repair("mount it for writing", (_edited("\n".join(rows)),)),
            )
