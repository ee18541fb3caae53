"""GRUB on the patient: where its files are, how they and its configuration are made anew."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from . import syslinux, systemd_boot
from .change import Change, PutFile, WriteBlocks
from .disk import Disk
from .formats import gpt, grubcore
from .kernels import kernels
from .model import Repair
from .mounting import run
from .patient import Patient
from .volume import LUKS, LVM, RAID, Volume

OURS = "/usr/lib/grub"  # this system's
PACKAGED = "/usr/lib/grub/i386-pc"  # the guest's
_FILE_SYSTEMS = {
    "ext2": "ext2",
    "ext3": "ext2",
    "ext4": "ext2",
    "xfs": "xfs",
    "btrfs": "btrfs",
    "vfat": "fat",
}
ENTRIES = "/boot/loader/entries"
_TAIL = "was there; update-grub or grub-mkconfig (grub2-mkconfig) writes a richer one."


def folder(patient: Patient) -> str:
    """/boot/grub or, on systems of the rpm family, /boot/grub2."""
    tree = patient.files
    if tree.is_folder("/boot/grub2"):
        return "/boot/grub2"
    if tree.is_folder("/boot/grub"):
        return "/boot/grub"
    return patient.distribution.grub_folder


def config_path(patient: Patient) -> str:
    """grub.cfg: in /boot, but on the EFI system partition where the rpm family had it before 2021.

    Source: fedoraproject.org/wiki/Changes/UnifyGrubConfig.
    """
    tree = patient.files
    usual = f"{folder(patient)}/grub.cfg"
    own = f"{patient.esp_folder}/EFI/{patient.distribution.loader_folder}/grub.cfg"
    if patient.firmware != "uefi" or not patient.esp_folder or tree.exists(usual):
        return usual
    return own if _is_whole_menu(tree.text(own, 4 << 20) or "") else usual


def _is_whole_menu(text: str) -> bool:
    return "menuentry" in text or "blscfg" in text


def reads_entries(patient: Patient) -> bool:
    """Whether its menu is made of loader entries, by a command that only some GRUBs have."""
    tree = patient.files
    text = tree.text(config_path(patient), 4 << 20) or ""
    if text.strip("\0 \n\t"):
        return "blscfg" in text
    if not any(name.endswith(".conf") for name in tree.names(ENTRIES)):
        return False
    packaged = patient.firmware == "uefi" and patient.distribution.packaged_grub
    return packaged or tree.is_file(f"{folder(patient)}/{platform(patient)}/blscfg.mod")


def platform(patient: Patient) -> str:
    """GRUB's name for the firmware."""
    return "x86_64-efi" if patient.firmware == "uefi" else "i386-pc"


def used(patient: Patient) -> bool:
    """Whether GRUB is this system's boot loader: its files or its package are there.

    Its package alone says nothing where another loader is in place.
    """
    tree = patient.files
    if systemd_boot.used(patient) and not _is_on_esp(patient):
        return False
    if tree.exists("/boot/grub") or tree.exists("/boot/grub2"):
        return True
    if syslinux.used(patient) or systemd_boot.used(patient):
        return False
    return tree.exists("/etc/default/grub") or tree.exists("/usr/lib/grub")


def root_argument(patient: Patient) -> str:
    """What the kernel is told as root=."""
    for line in patient.fstab():
        named = line.source.startswith(("UUID=", "LABEL=", "PARTUUID=", "/dev/mapper/"))
        if line.where == "/" and named and patient.called(line.source) is patient.root:
            return line.source
    assert patient.root is not None
    if patient.root.inside[-1:] == (LVM,):
        return patient.root.names[0]
    return f"UUID={patient.root.signature.uuid}"


def _is_on_esp(patient: Patient) -> bool:
    place = f"{patient.esp_folder}/EFI"
    return any(
        name.lower().startswith("grub")
        for vendor in patient.files.names(place)
        for name in patient.files.names(f"{place}/{vendor}")
    )


def settings(patient: Patient) -> dict[str, str]:
    text = patient.files.text("/etc/default/grub", 65536) or ""
    found = {}
    for match in re.finditer(r"^(GRUB_\w+)=(.*)$", text, re.MULTILINE):
        value = match.group(2).strip()
        found[match.group(1)] = value.strip("\"'") if not set(value) & set("$`\\") else ""
    return found


def configuration(patient: Patient) -> str:
    """A plain grub.cfg with an entry for every kernel that is there; empty where there is none.

    Also where GRUB itself would have to ask for a passphrase to read /boot.
    """
    boot = patient.boot_volume
    assert boot is not None
    if LUKS in boot.inside:
        return ""
    chosen = settings(patient)
    name = chosen.get("GRUB_DISTRIBUTOR", "") or "Linux"
    lines = [
        f"# Written by Lifebuoy's doctor, as no good one {_TAIL}",
        f"set timeout={chosen.get('GRUB_TIMEOUT', '') or '5'}",
    ]
    serial, terminal = chosen.get("GRUB_SERIAL_COMMAND", ""), chosen.get("GRUB_TERMINAL", "")
    lines += [serial] if serial.startswith("serial") else []
    if terminal and re.fullmatch(r"[a-z_ ]+", terminal):
        lines += [f"terminal_input {terminal}", f"terminal_output {terminal}"]
    if reads_entries(patient):
        return "\n".join([*lines, *_of_entries(patient, boot)]) + "\n"
    lines.append("set default=0")
    found = kernels(patient.files)
    for kernel in found:
        lines += [
            f"menuentry '{_quoted(name)}, with Linux {_quoted(kernel.version)}' {{",
            *(f"\tinsmod {module}" for module in ("gzio", *modules(patient, boot))),
            f"\tsearch --no-floppy --fs-uuid --set=root {boot.signature.uuid}",
            f"\tlinux {patient.path_in_volume(kernel.name)} {arguments(patient)}",
        ]
        if kernel.initrd:
            lines.append(f"\tinitrd {patient.path_in_volume(kernel.initrd)}")
        lines.append("}")
    return "\n".join(lines) + "\n" if found else ""


def arguments(patient: Patient) -> str:
    """What a kernel is told, with what its owner set for all of them."""
    chosen = settings(patient)
    words = [chosen.get("GRUB_CMDLINE_LINUX", ""), chosen.get("GRUB_CMDLINE_LINUX_DEFAULT", "")]
    extra = f"rootflags=subvol={patient.subvolume}" if patient.subvolume else ""
    return " ".join(one for one in (f"root={root_argument(patient)}", extra, "ro", *words) if one)


def _of_entries(patient: Patient, boot: Volume) -> list[str]:
    """The menu of GRUB's blscfg: its own entries are files that the kernels' packages write."""
    return [
        "if [ -s $prefix/grubenv ]; then load_env; fi",
        'if [ "${saved_entry}" ]; then set default="${saved_entry}"; else set default=0; fi',
        *(f"insmod {module}" for module in modules(patient, boot)),
        f"search --no-floppy --fs-uuid --set=root {boot.signature.uuid}",
        f"search --no-floppy --fs-uuid --set=boot {boot.signature.uuid}",
        f'if [ -z "${{kernelopts}}" ]; then set kernelopts="{_plain(arguments(patient))}"; fi',
        "insmod blscfg",
        "blscfg",
    ]


def _plain(text: str) -> str:
    return re.sub(r"[\"'\\$`\n]", "", text)


def _quoted(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9 ._+/:()-]", "", text)


def modules(patient: Patient, volume: Volume) -> list[str]:
    """GRUB's modules to read a volume."""
    table = "part_gpt" if volume.disk.bottom.is_gpt() else "part_msdos"
    found = [table, _FILE_SYSTEMS.get(volume.kind, "ext2")]
    found += ["mdraid09", "mdraid1x"] if RAID in volume.inside else []
    return [*found, "lvm"] if LVM in volume.inside else found


def configuration_repair(patient: Patient, summary: str) -> Repair | None:
    """Writes a configuration anew; None where there is no kernel to name."""
    text = configuration(patient)
    if not text:
        return None
    path = config_path(patient)
    return Repair(summary, (PutFile(path, text.encode(), 0o600, 0, 0, beside=True),))


def version_of(text: str | None) -> str:
    """The version that a modinfo.sh names."""
    match = re.search(r"^grub_version=['\"]?([^'\"\n]+)", text or "", re.MULTILINE)
    return match.group(1) if match else ""


def module_files(patient: Patient) -> list[Change]:
    """GRUB's own files for /boot/grub/PLATFORM: the guest's copy where it is whole, else ours.

    Never ours for a menu that ours cannot read.
    """
    name = platform(patient)
    target = f"{folder(patient)}/{name}"
    if reads_entries(patient):
        return packaged_modules(patient, name)
    ours = {path.name: path for path in Path(OURS, name).glob("*")}
    same = version_of(patient.files.text(f"/usr/lib/grub/{name}/modinfo.sh")) == version_of(
        Path(OURS, name, "modinfo.sh").read_text() if "modinfo.sh" in ours else ""
    )
    if ours and not same:  # one version throughout: what is built here must fit
        return [_copy(target, path.name, path.read_bytes()) for path in _wanted(ours)]
    changes = packaged_modules(patient, name)
    present = {one.path.rpartition("/")[2] for one in changes if isinstance(one, PutFile)}
    changes += [
        _copy(target, path.name, path.read_bytes())
        for path in _wanted(ours)
        if path.name not in present
    ]
    return changes


def packaged_modules(patient: Patient, name: str) -> list[Change]:
    """The guest's own copy of GRUB's files for this platform, for /boot/grub."""
    tree = patient.files
    source, target = f"/usr/lib/grub/{name}", f"{folder(patient)}/{name}"
    found = ((one, tree.read(f"{source}/{one}", 4 << 20)) for one in tree.names(source)[:1000])
    return [_copy(target, one, data) for one, data in found if data and _is_wanted(one)]


def _is_wanted(name: str) -> bool:
    return name.endswith((".mod", ".lst", ".o")) or name in ("boot.img", "modinfo.sh")


def _wanted(files: dict[str, Path]) -> list[Path]:
    return [path for name, path in sorted(files.items()) if _is_wanted(name)]


def _copy(target: str, name: str, data: bytes) -> PutFile:
    return PutFile(f"{target}/{name}", data)


def build_core(patient: Patient) -> bytes:
    """A core image of this system's GRUB that finds the patient's /boot; empty where none is."""
    boot = patient.boot_volume
    if boot is None or LUKS in boot.inside or not Path(OURS, "i386-pc/kernel.img").exists():
        return b""
    if reads_entries(patient):
        return b""
    inside = patient.path_in_volume(folder(patient).rpartition("/")[2])
    with tempfile.TemporaryDirectory(prefix="doctor-") as work:
        script = Path(work, "load.cfg")
        script.write_text(
            f"search.fs_uuid {boot.signature.uuid} root\nset prefix=($root)'{inside}'\n"
        )
        out = Path(work, "core.img")
        done = run(
            [
                *("grub-mkimage", "-O", "i386-pc", "-d", f"{OURS}/i386-pc", "-o", str(out)),
                *("-c", str(script), "-p", inside),
                *("biosdisk", "search_fs_uuid", *modules(patient, boot)),
            ]
        )
        return out.read_bytes() if done.returncode == 0 else b""


def gap(disk: Disk) -> tuple[int, int] | None:
    """Where the core image goes: first sector and how many; None where there is no room."""
    if disk.is_gpt():
        for part in disk.parts():
            if part.kind == gpt.BIOS_BOOT:
                return part.start // 512, part.size // 512
        return None
    starts = [part.start // 512 for part in disk.parts()]
    return (1, min([*starts, 2048]) - 1) if starts else None


def install(patient: Patient, disk: Disk) -> Repair | None:
    """Boot sector and core image written anew; None where that cannot be done safely."""
    place = gap(disk)
    if place is None:
        return None
    target = f"{folder(patient)}/i386-pc"
    core = patient.files.read(f"{target}/core.img") or b""
    image = patient.files.read(f"{target}/boot.img") or b""
    changes: list[Change] = []
    summary = "write GRUB's boot sector and core image anew, from /boot"
    whole = grubcore.parse(core).intact and len(image) == 512
    if whole and not fits(patient, core, target) and fits(patient, core, PACKAGED):
        changes = packaged_modules(patient, "i386-pc")
        summary = "put GRUB's modules back, with the boot sector and core image that they fit"
    elif not whole or not fits(patient, core, target):
        core = build_core(patient)
        own = Path(OURS, "i386-pc/boot.img")
        if not core or not own.exists():
            return None
        image = own.read_bytes()
        changes = [*module_files(patient), PutFile(f"{target}/core.img", core)]
        summary = "install GRUB anew: boot sector, core image and modules"
    first, room = place
    data = grubcore.for_place(core, first)
    if len(data) > room * 512:
        return None
    sector = grubcore.boot_sector(image, disk.sector(0), first)
    changes += [
        WriteBlocks(disk.path, first * 512, data, "GRUB's core image"),
        WriteBlocks(disk.path, 0, sector[:440], "GRUB's boot code"),
    ]
    return Repair(summary, tuple(changes))


def fits(patient: Patient, core: bytes, place: str) -> bool:
    """Whether the modules in this folder can be linked with this core image."""
    there = patient.files.is_file(f"{place}/normal.mod")
    return there and not unresolved(patient, grubcore.parse(core), place)


def unresolved(patient: Patient, core: grubcore.Core, place: str) -> list[str]:
    """Names that GRUB's normal mode, in this folder, needs and neither core nor modules have."""
    needs: dict[str, list[str]] = {}
    for line in (patient.files.text(f"{place}/moddep.lst") or "").splitlines()[:1000]:
        module, _, rest = line.partition(":")
        needs[module] = rest.split()
    wanted: set[bytes] = set()
    offered = grubcore.exported(core.kernel)
    pending, seen = ["normal"], {""}
    while pending and len(seen) < 100:
        module = pending.pop()
        if module in seen:
            continue
        seen.add(module)
        data = patient.files.read(f"{place}/{module}.mod", 4 << 20)
        if data is None:
            continue
        defined, needed = grubcore.module_symbols(data)
        offered |= defined
        wanted |= {one for one in needed if one.startswith(b"grub_")}
        pending += needs.get(module, [])
    return sorted(one.decode("ascii", "replace") for one in wanted - offered)
