"""Loader entries of GRUB's blscfg and of systemd-boot: none, or the default leads nowhere."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .. import grub, systemd_boot
from ..change import Change, PutFile, Remove
from ..formats import bls, grubcfg
from ..kernels import RESCUE, Kernel, kernels, order
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "loader-entries"
LINK = Link.BOOT_LOADER
TITLE = "the loader's default entry names a kernel, an initramfs and a root that exist"
READS = "loader/entries/*.conf on /boot and the EFI system partition, loader.conf, grubenv"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
MOST_ENTRIES = 200
_OPTIONS = re.compile(r"\$\{?kernelopts\}?$")
_SET_OPTIONS = re.compile(r"^\s*set\s+kernelopts=\"([^\"$]*)\"", re.MULTILINE)


@dataclass(frozen=True)
class _Entry:
    """A file of a menu; ``place`` is where the volume that its paths begin at is mounted."""

    path: str
    place: str
    content: bls.Entry

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2].removesuffix(".conf")


@dataclass(frozen=True)
class _Menu:
    """The entries, newest first; ``default`` is None where any of them may be it.

    ``others``: there is something to start that is no entry.
    """

    folder: str
    entries: Sequence[_Entry]
    default: _Entry | None
    variables: Mapping[str, str]
    others: bool = False


@dataclass(frozen=True)
class _Fault:
    seen: str
    expected: str
    found: str
    stale: bool = False  # its kernel is gone: another entry does instead


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    menu = _menu(patient)
    if menu is None or patient.root is None:
        return
    there = kernels(patient.files)
    if not menu.entries:
        if there and not menu.others:
            yield _none(patient, menu)
        return
    faults = {one.path: _fault(patient, menu, one) for one in menu.entries}
    wrong = menu.default or menu.entries[0]
    fault = faults[wrong.path]
    good = [one for one in menu.entries if not faults[one.path]]
    if fault is None or (menu.default is None and good):
        return
    usual = [one for one in good if RESCUE not in one.content.linux]
    if fault.stale and not there and not usual:
        return  # a kernel comes back first, then this looks again
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the default entry {wrong.path} {fault.seen}",
        "The boot loader has nothing to start, or starts what cannot find its root.",
        (Evidence(wrong.path, fault.expected, fault.found),),
        _repair(patient, menu, wrong, fault, usual),
        _by_hand(patient),
    )


def _menu(patient: Patient) -> _Menu | None:
    if grub.used(patient):
        return _of_grub(patient) if grub.reads_entries(patient) else None
    return _of_systemd(patient) if systemd_boot.used(patient) else None


def _of_grub(patient: Patient) -> _Menu:
    tree = patient.files
    config = tree.text(grub.config_path(patient), 4 << 20) or ""
    environment = tree.text(f"{grub.folder(patient)}/grubenv", 65536) or ""
    variables = bls.environment(environment)
    for match in _SET_OPTIONS.finditer(config):
        variables.setdefault("kernelopts", match[1])
    entries = _entries(patient, grub.ENTRIES, "/boot" if patient.boot is not None else "")
    saved = variables.get("saved_entry", "")
    named = [one for one in entries if saved in (one.name, one.content.title)]
    if saved.isascii() and saved.isdigit():
        named += entries[int(saved[:4]) :]
    others = any(one.linux for one in grubcfg.parse(config).entries)
    default = next(iter([*named, *([] if others else entries)]), None)
    return _Menu(grub.ENTRIES, entries, default, variables, others)


def _of_systemd(patient: Patient) -> _Menu:
    place = patient.esp_folder
    folder = f"{place}/loader/entries"
    entries = _entries(patient, folder, place)
    if patient.boot is not None and place != "/boot":
        entries += _entries(patient, grub.ENTRIES, "/boot")
    wanted = ""
    for line in (patient.files.text(f"{place}/loader/loader.conf", 65536) or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "default":
            wanted = words[1]
    named = [
        one
        for one in entries
        if wanted
        and (fnmatch.fnmatch(f"{one.name}.conf", wanted) or fnmatch.fnmatch(one.name, wanted))
    ]
    single = entries[0] if len(entries) == 1 else None
    folders = (f"{place}/EFI/Linux", "/boot/EFI/Linux")
    unified = [one for path in folders for one in patient.files.names(path)]
    others = any(name.endswith(".efi") for name in unified)
    return _Menu(folder, entries, named[0] if named else single, {}, others)


def _entries(patient: Patient, folder: str, place: str) -> list[_Entry]:
    tree = patient.files
    names = [one for one in tree.names(folder) if one.endswith(".conf")][:MOST_ENTRIES]
    found = [
        _Entry(f"{folder}/{name}", place, bls.parse(tree.text(f"{folder}/{name}", 65536) or ""))
        for name in names
    ]
    usable = [one for one in found if one.content.linux or one.content.efi]
    return sorted(usable, key=lambda one: order(one.content.version or one.name), reverse=True)


def _file(patient: Patient, entry: _Entry, path: str) -> str | None:
    """Where a file of the entry lies in the tree; None where that cannot be told."""
    if "$" in path or not path:
        return None
    rooted = path if path.startswith("/") else f"/{path}"
    return f"{entry.place}{rooted}" if entry.place else patient.in_tree(rooted)


def _options(entry: _Entry, menu: _Menu) -> list[str]:
    """With what the environment has for $kernelopts in its place."""
    words: list[str] = []
    for word in entry.content.options:
        words += menu.variables.get("kernelopts", "").split() if _OPTIONS.match(word) else [word]
    return words


def _fault(patient: Patient, menu: _Menu, entry: _Entry) -> _Fault | None:
    tree, content = patient.files, entry.content
    program = content.efi or content.linux
    place = _file(patient, entry, program)
    if place is not None and not tree.is_file(place):
        return _Fault(f"names {program}, which is not there", "a kernel", program, stale=True)
    if content.efi:
        return None
    known = next((one for one in kernels(tree) if place == f"/boot/{one.name}"), None)
    for path in content.initrds:
        inside = _file(patient, entry, path)
        if inside is not None and not tree.is_file(inside) and (known is None or known.initrd):
            return _Fault(f"names the initramfs {path}, which is not there", "a file", path)
    if not content.initrds and known is not None and known.initrd:
        return _Fault("has no initramfs", f"initrd /{known.initrd}", "no initrd line")
    if any(map(_OPTIONS.match, content.options)) and not menu.variables.get("kernelopts"):
        return _Fault("takes its options from grubenv, which has none", "kernelopts=", "nothing")
    root = next((one[5:] for one in reversed(_options(entry, menu)) if one[:5] == "root="), "")
    if patient.is_unknown_root(root):
        right = f"root={grub.root_argument(patient)}"
        return _Fault(f"says root={root}, which no disk has", right, f"root={root}")
    return None


def _none(patient: Patient, menu: _Menu) -> Finding:
    files = [_written(patient, menu, None, one) for one in kernels(patient.files)]
    changes = tuple(one for one in files if one is not None)
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"there is no entry in {menu.folder}",
        "The boot loader's menu is empty.",
        (Evidence(menu.folder, "a file for each kernel", "none"),),
        Repair("write one for every kernel that is there", changes) if changes else None,
        _by_hand(patient),
    )


def _repair(
    patient: Patient, menu: _Menu, wrong: _Entry, fault: _Fault, good: Sequence[_Entry]
) -> Repair | None:
    found = kernels(patient.files)
    led_to = [_file(patient, one, one.content.linux) for one in good]
    if fault.stale and good and (not found or f"/boot/{found[0].name}" in led_to):
        return Repair("remove the entry of the lost kernel", (Remove(wrong.path),))
    if not found:
        return None
    own = [
        one for one in found if _file(patient, wrong, wrong.content.linux) == f"/boot/{one.name}"
    ]
    change = _written(patient, menu, wrong, [*own, *found][0])
    return Repair("write the entry anew", (change,)) if change else None


def _written(patient: Patient, menu: _Menu, old: _Entry | None, kernel: Kernel) -> Change | None:
    """The entry of this kernel, in place of the old one; None where the loader cannot reach it."""
    folder = menu.folder
    if not grub.used(patient) and patient.esp_folder != "/boot":
        if patient.boot is None or (old is not None and old.place != "/boot"):
            return None
        folder = grub.ENTRIES  # entries lie on the volume that they lead to
    machine = (patient.files.text("/etc/machine-id", 64) or "").strip()
    known = re.fullmatch(r"[0-9a-f]{32}", machine)
    name = f"{machine}-{kernel.release}" if known else kernel.version
    path = old.path if old is not None else f"{folder}/{name}.conf"
    title = old.content.title if old is not None else ""
    lines = [
        f"title {title or f'Linux {kernel.release}'}",
        f"version {kernel.release}",
        f"linux {patient.path_in_volume(kernel.name)}",
        f"options {_arguments(patient, menu, old)}",
    ]
    if kernel.initrd:
        lines.insert(3, f"initrd {patient.path_in_volume(kernel.initrd)}")
    return PutFile(path, ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"), beside=True)


def _arguments(patient: Patient, menu: _Menu, old: _Entry | None) -> str:
    """Those of the old entry or of its sisters, with a root that is there; else what is usual."""
    for one in [*([old] if old is not None else []), *menu.entries]:
        words = [word for word in _options(one, menu) if not word.startswith("root=")]
        if words:
            return " ".join([f"root={grub.root_argument(patient)}", *words])
    kept = (patient.files.text("/etc/kernel/cmdline", 4096) or "").split()
    roots = [one[5:] for one in kept if one.startswith("root=")]
    if roots and not patient.is_unknown_root(roots[-1]):
        return " ".join(kept)
    return grub.arguments(patient)


def _by_hand(patient: Patient) -> tuple[str, ...]:
    if grub.used(patient):
        return (
            "chroot the root, then: grubby --info=ALL; kernel-install add VERSION /lib/modules"
            "/VERSION/vmlinuz",
        )
    return (f"correct the files in {patient.esp_folder}/loader/entries by hand; bootctl list",)
