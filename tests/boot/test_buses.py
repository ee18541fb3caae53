"""The rescue image boots from every bus and firmware, and sees disks on every bus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from lab import emulator
from lifebuoy.hypervisor import Host
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import media
from lifebuoy.rescue.access import Seen
from lifebuoy.rescue.definition import plan_bus
from tests.boot import machine
from tests.boot.machine import Define
from tests.boot.visit import READY_S, visit

PASSWORD: Final = "Rescue-Me-2026"
SECURE_CODE: Final = Path("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd")
SECURE_VARIABLES: Final = Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Kind:
    """A kind of machine: its type and, for UEFI, its firmware's files."""

    type: str
    code: Path | None = None
    variables: Path | None = None
    secure: bool = False

    @property
    def system(self) -> str:
        """What its definition has instead of the plain machine's ``<os>``."""
        system = f"<os><type arch='x86_64' machine='{self.type}'>hvm</type>"
        if self.code is not None:
            secure = "yes" if self.secure else "no"
            system += f"<loader readonly='yes' type='pflash' secure='{secure}'>{self.code}</loader>"
            system += f"<nvram template='{self.variables}'/>"
        return system

    def of(self, name: str, *devices: str) -> str:
        """A machine of this kind with 512 MiB, without any system of its own."""
        xml = machine.bare(name).replace(
            "<os><type arch='x86_64' machine='pc'>hvm</type>", self.system
        )
        if self.secure:
            xml = xml.replace("<acpi/>", "<acpi/><smm state='on'/>")
        return machine.with_devices(xml, machine.USER_NETWORK, *devices)


I440FX: Final = Kind("pc")
Q35: Final = Kind("q35")
UEFI: Final = Kind("q35", emulator.OVMF_CODE, emulator.OVMF_VARIABLES)
SECURE_BOOT: Final = Kind("q35", SECURE_CODE, SECURE_VARIABLES, secure=True)

DRIVES: Final = {
    "i440fx, virtio-scsi": (I440FX, "scsi"),
    "i440fx, IDE": (I440FX, "ide"),
    "i440fx, USB": (I440FX, "usb"),
    "q35, virtio-scsi": (Q35, "scsi"),
    "q35, SATA": (Q35, "sata"),
    "q35, USB": (Q35, "usb"),
    "UEFI, virtio-scsi": (UEFI, "scsi"),
    "UEFI, SATA": (UEFI, "sata"),
    "UEFI, USB": (UEFI, "usb"),
}


@pytest.mark.parametrize(("kind", "bus"), DRIVES.values(), ids=DRIVES)
def test_the_image_boots_from_a_cd_rom_with_512_mib(
    embedded: Host, context: Context, define: Define, kind: Kind, bus: str
) -> None:
    image = context.catalogue.get()
    target = "hda" if bus == "ide" else "sda"
    drive = (
        f"<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
        f"<source file='{image.path}'/><target dev='{target}' bus='{bus}'/><readonly/></disk>"
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    )
    controllers = {
        "scsi": "<controller type='scsi' model='virtio-scsi'/>",
        "usb": "<controller type='usb' model='qemu-xhci'/>",
    }
    xml = kind.of("drives", controllers.get(bus, ""), drive)
    domain = define(xml.replace("</os>", "<boot dev='cdrom'/></os>"))
    domain.start()
    assert domain.agent.wait(READY_S), "the rescue system did not come up"
    agent = domain.agent
    assert agent.run(["findmnt", "-no", "FSTYPE", "/"]).stdout == b"overlay\n"
    uefi = agent.run(["test", "-d", "/sys/firmware/efi"]).status == 0
    assert uefi == (kind.code is not None)


def test_with_secure_boot_the_whole_chain_is_signed(context: Context, define: Define) -> None:
    domain = define(SECURE_BOOT.of("secure"))
    before = machine.facts(domain)
    with visit(context, domain, EnterRequest("secure", PASSWORD)) as stay, stay.shell() as shell:
        assert "Secure boot enabled" in shell("dmesg")
        assert "efivarfs" in shell("findmnt -rno FSTYPE /sys/firmware/efi/efivars")
    assert machine.facts(domain) == before and machine.stay_media(context.host) == []


#: For each kind of machine the buses that it may have disks on; the size in MiB tells them apart.
DISKS: Final = {
    I440FX: {"virtio": 65, "scsi": 66, "ide": 67, "usb": 68},
    Q35: {"virtio": 65, "scsi": 66, "sata": 67, "usb": 68},
}
NVME_MIB: Final = 69
FILLER: Final = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"


@pytest.mark.parametrize("kind", DISKS, ids=lambda kind: kind.type)
def test_disks_on_every_bus_are_seen_and_can_be_written(
    context: Context, define: Define, tmp_path: Path, kind: Kind
) -> None:
    names = {"virtio": "vda", "scsi": "sda", "usb": "sdb", "sata": "sdc", "ide": "hda"}
    files = {
        bus: machine.scratch(tmp_path / bus, size_mib) for bus, size_mib in DISKS[kind].items()
    }
    files["nvme"] = machine.scratch(tmp_path / "nvme", NVME_MIB)
    disks = [machine.disk(path, names[bus], bus=bus) for bus, path in files.items() if bus in names]
    model = "<controller type='scsi' model='virtio-scsi'/>"
    xml = kind.of("disks", model, *disks)
    domain = define(with_nvme(xml, files["nvme"]))
    with visit(context, domain, EnterRequest("disks", PASSWORD)) as stay, stay.shell() as shell:
        shell("until [ -e /run/lifebuoy/devices ]; do sleep 0.1; done; udevadm settle -t 60")
        seen = {
            int(size) >> 20: name
            for name, size in (
                line.split() for line in shell("lsblk -bdrno NAME,SIZE").splitlines()
            )
        }
        for bus, size_mib in {**DISKS[kind], "nvme": NVME_MIB}.items():
            assert size_mib in seen, f"no disk on {bus}: {seen}"
            shell(f"echo written on {bus} >/dev/{seen[size_mib]}; sync /dev/{seen[size_mib]}")
        assert seen[65] == "vda" and seen[NVME_MIB].startswith("nvme")
    for bus, path in files.items():
        assert path.read_bytes().startswith(f"written on {bus}".encode())


def test_where_every_other_bus_is_full_usb_carries_the_image_and_the_seed(
    context: Context, define: Define
) -> None:
    # With every address given, libvirt does not add a bridge with more places by itself.
    nearly = define(crowded()).xml(secure=True)
    (free,) = {f"{slot:#04x}" for slot in range(2, 32)} - set(re.findall(r"slot='(0x..)'", nearly))
    last = FILLER.replace("</rng>", f"<address type='pci' slot='{free}'/></rng>")
    domain = define(machine.with_devices(nearly, last))
    before = machine.facts(domain)
    assert plan_bus(before.definition) == "usb"
    with visit(context, domain, EnterRequest("crowded", PASSWORD)) as stay, stay.shell() as shell:
        assert stay.entered.seen == Seen(agent=True, ssh=True)
        assert stay.context.host.store.find(media.seed_name(stay.stay.session)) is None
        assert shell("hostname") == "crowded-rescue\n"
        start = stay.start_number()
        stay.domain.monitor("system_reset")  # the seed's drive is gone now
        stay.wait_restarted(start)
    assert machine.facts(domain) == before and machine.stay_media(context.host) == []


def crowded() -> str:
    """A machine with no free place on IDE, one on PCI and no SCSI, but with USB."""
    drives = [
        f"<disk type='file' device='cdrom'><target dev='{name}' bus='ide'/><readonly/></disk>"
        for name in ("hda", "hdb", "hdc", "hdd")
    ]
    usb = "<controller type='usb' model='qemu-xhci'/>"
    agent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    return I440FX.of("crowded", usb, agent, *drives, *[FILLER] * 24)


def with_nvme(xml: str, path: Path) -> str:
    """libvirt has no NVMe disks on files; people who want one write it like this."""
    arguments = ["-drive", f"if=none,id=nvme0,format=raw,file={path}"]
    arguments += ["-device", "nvme,drive=nvme0,serial=nvme-0,addr=0x1a"]
    passed = "".join(f"<qemu:arg value='{argument}'/>" for argument in arguments)
    return xml.replace(
        "<domain type='qemu'>",
        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>",
    ).replace("</domain>", f"<qemu:commandline>{passed}</qemu:commandline></domain>")
