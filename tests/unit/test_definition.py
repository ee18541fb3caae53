"""original -> rescue -> original, over a table of real-world definitions and thousands made up."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from lifebuoy.errors import CannotRescue
from lifebuoy.model import Phase, Stay
from lifebuoy.rescue import definition
from lifebuoy.rescue.definition import RescueMedia
from tests.unit.generated import PASSWORD_MARK, definitions
from tests.unit.table import POSSIBLE, REFUSED

MEDIA = RescueMedia(
    image_path="/pool/rescue-1.iso",
    seed_path="/pool/seed-0f3c.iso",
    nvram_path="/pool/vars-0f3c.fd",
    boot_log_path="/pool/boot-0f3c.log",
)
BARE = RescueMedia(image_path="/pool/rescue-1.iso")

#: Where a table's definition has its CD-ROM, when that is not a new virtio-scsi controller.
OTHER_BUS = {
    "pci-full-i440fx-ide": "ide",
    "pci-full-i440fx-own-virtio-scsi": "scsi",
    "pci-full-ide-full-usb-only": "usb",
}

#: What the refusal of a definition must name.
REASONS = {
    "aarch64": "aarch64",
    "cpu-32-bit": "pentium3",
    "cpu-without-long-mode": "'lm'",
    "i686": "32-bit",
    "isapc": "isapc",
    "leftover-rescue-cdrom": "no record of a stay",
    "lxc": "lxc",
    "microvm": "microvm",
    "no-bus-has-room": "no free place",
    "qemu-boot-argument": "'-boot'",
    "qemu-bootindex-device": "bootindex=1",
    "qemu-kernel-argument": "'-kernel'",
    "qemu-no-shutdown": "'--no-shutdown'",
    "qemu-override-bootindex": "bootindex",
    "qemu-pflash-drive": "if=pflash",
    "sev": "launchSecurity sev",
    "tiny-hugepages": "huge pages",
    "tiny-maxmemory": "maxMemory",
    "tiny-numa": "NUMA",
    "xen-paravirtual": "xen",
}


def parse(xml: str) -> etree._Element:
    return etree.fromstring(xml.encode())


def stay_with(original: str) -> Stay:
    return Stay(
        phase=Phase.ENTER,
        session="0f3c",
        since="2026-01-02T03:04:05Z",
        was_running=False,
        autostart=True,
        image="debian-12",
        host_key="",
        original=original,
    )


def canonical(xml: str) -> str:
    parser = etree.XMLParser(remove_blank_text=True)
    return str(etree.tostring(etree.fromstring(xml.encode(), parser), method="c14n2"), "utf-8")


def texts(root: etree._Element, path: str) -> list[str]:
    return [etree.tostring(found, encoding="unicode") for found in root.findall(path)]


def our_disks(root: etree._Element) -> dict[str, etree._Element]:
    disks = {disk.findtext("serial") or "": disk for disk in root.findall("devices/disk")}
    return {serial: disk for serial, disk in disks.items() if serial.startswith("lifebuoy-")}


def check_promises(xml: str, media: RescueMedia) -> None:
    """What holds for every definition that can be rescued."""
    original = definition.original_of(xml)
    rescue = definition.rescue_of(xml, media)
    carrying = definition.with_stay(rescue, stay_with(original))
    check_way_back(xml, original, carrying)
    before, after = parse(xml), parse(rescue)
    check_boot(after)
    check_untouched(before, after)
    check_survival(after)
    assert canonical(definition.without_stay(carrying)) == canonical(rescue)
    with pytest.raises(CannotRescue, match="rescue mode already"):
        definition.rescue_of(carrying, media)


def check_way_back(xml: str, original: str, carrying: str) -> None:
    stay = definition.stay_of(carrying)
    assert stay is not None
    assert stay == stay_with(original)
    assert PASSWORD_MARK not in stay.original
    assert not parse(stay.original).findall("devices/graphics[@passwd]")
    assert canonical(definition.with_passwords(stay.original, carrying)) == canonical(xml)
    if " passwd=" not in xml and "<cookies" not in xml:
        assert definition.with_passwords(stay.original, carrying) == xml


def check_boot(after: etree._Element) -> None:
    assert [order.get("order") for order in after.findall("devices/*/boot")] == ["1"]
    assert our_disks(after)["lifebuoy-rescue"].find("boot") is not None
    for gone in ("boot", "bootmenu", "kernel", "initrd", "cmdline", "dtb"):
        assert after.find(f"os/{gone}") is None


def check_untouched(before: etree._Element, after: etree._Element) -> None:
    for item in before.findall("devices/*/boot"):
        parent = item.getparent()
        assert parent is not None
        parent.remove(item)
    kept = ("name", "uuid", "title", "metadata", "vcpu", "cpu", "features", "clock", "genid")
    for path in (*kept, "devices/disk", "devices/interface", "devices/hostdev", "devices/graphics"):
        ours = [canonical(text) for text in texts(after, path)]
        for text in texts(before, path):
            assert canonical(text) in ours, path
    names = [target.get("dev") for target in after.findall("devices/disk/target")]
    assert len(names) == len(set(names))
    places = [
        canonical(text)
        for disk in after.findall("devices/disk")
        for text in texts(disk, "address[@type='drive']")
        for text in [f"<a>{(disk.find('target')).get('bus')}{text}</a>"]  # type: ignore[union-attr]
    ]
    assert len(places) == len(set(places))


def check_survival(after: etree._Element) -> None:
    for name in ("on_poweroff", "on_reboot", "on_crash"):
        assert after.findtext(name) == "restart"
    assert {dog.get("action") for dog in after.findall("devices/watchdog")} <= {"none"}
    assert after.find("devices/tpm") is None
    assert int(after.findtext("memory") or 0) >= 512 * 1024
    assert int(after.findtext("currentMemory") or 0) >= 512 * 1024
    assert after.find("devices/serial") is not None


@pytest.mark.parametrize("name", POSSIBLE)
@pytest.mark.parametrize("media", [MEDIA, BARE], ids=["all-media", "image-only"])
def test_a_real_world_definition_goes_in_and_comes_back_identical(
    name: str, media: RescueMedia
) -> None:
    check_promises(POSSIBLE[name], media)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions())
def test_a_generated_definition_goes_in_and_comes_back_identical(xml: str) -> None:
    try:
        definition.refuse_if_impossible(xml)
    except CannotRescue as error:
        assert "no free place" in error.message
        return
    check_promises(xml, MEDIA)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions())
def test_a_password_is_never_in_what_is_carried_or_shown(xml: str) -> None:
    rescue = definition.rescue_of(xml, MEDIA)
    assert rescue.count(PASSWORD_MARK) == xml.count(PASSWORD_MARK)
    assert PASSWORD_MARK not in definition.original_of(xml)


def test_the_tables_are_complete() -> None:
    assert len(POSSIBLE) >= 25
    assert set(REASONS) == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_part_and_the_next_step(name: str) -> None:
    for act in (
        lambda: definition.refuse_if_impossible(REFUSED[name]),
        lambda: definition.rescue_of(REFUSED[name], MEDIA),
    ):
        with pytest.raises(CannotRescue) as caught:
            act()
        assert REASONS[name] in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("text", ["", "<domain>", "no xml", "<network/>"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(CannotRescue):
        definition.refuse_if_impossible(text)


@pytest.mark.parametrize("name", POSSIBLE)
def test_the_cdroms_take_the_fastest_bus_with_room(name: str) -> None:
    bus = OTHER_BUS.get(name, "scsi")
    assert definition.plan_bus(POSSIBLE[name]) == bus
    before, after = parse(POSSIBLE[name]), parse(definition.rescue_of(POSSIBLE[name], MEDIA))
    for disk in our_disks(after).values():
        assert disk.find(f"target[@bus='{bus}']") is not None
    added = len(after.findall("devices/controller")) - len(before.findall("devices/controller"))
    assert added == (0 if name in OTHER_BUS else 1)


def test_the_cdroms_have_a_controller_of_their_own() -> None:
    xml = POSSIBLE["many-disks-every-bus"]
    taken = {c.get("index") for c in parse(xml).findall("devices/controller[@type='scsi']")}
    after = parse(definition.rescue_of(xml, MEDIA))
    addresses = [disk.find("address") for disk in our_disks(after).values()]
    indexes = {address.get("controller") for address in addresses if address is not None}
    assert len(indexes) == 1
    assert not indexes & taken
    added = after.find(f"devices/controller[@type='scsi'][@index='{indexes.pop()}']")
    assert added is not None
    assert added.get("model") == "virtio-scsi"


def test_the_seed_may_be_gone_at_a_later_start_and_the_image_may_not() -> None:
    disks = our_disks(parse(definition.rescue_of(POSSIBLE["direct-kernel"], MEDIA)))
    seed, image = disks["lifebuoy-seed"].find("source"), disks["lifebuoy-rescue"].find("source")
    assert seed is not None
    assert image is not None
    assert dict(seed.items()) == {"file": "/pool/seed-0f3c.iso", "startupPolicy": "optional"}
    assert dict(image.items()) == {"file": "/pool/rescue-1.iso"}
    assert list(our_disks(parse(definition.rescue_of(POSSIBLE["direct-kernel"], BARE)))) == [
        "lifebuoy-rescue"
    ]


def test_uefi_boots_with_variables_of_its_own_made_from_the_same_template() -> None:
    xml = POSSIBLE["windows11-uefi-tpm"]
    facts = definition.inspect(xml)
    rescue = definition.inspect(definition.rescue_of(xml, MEDIA))
    assert facts.uefi and facts.secure_boot and facts.has_tpm
    assert facts.nvram == "/var/lib/libvirt/qemu/nvram/win11_VARS.fd"
    assert rescue.nvram == "/pool/vars-0f3c.fd"
    assert rescue.nvram_template == facts.nvram_template
    assert not rescue.has_tpm
    assert rescue.secure_boot


def test_bios_gets_no_nvram_and_none_is_made_where_none_was_asked_for() -> None:
    assert (
        definition.inspect(definition.rescue_of(POSSIBLE["ide-full-i440fx"], MEDIA)).nvram is None
    )
    kept = definition.rescue_of(POSSIBLE["uefi-i440fx-plain-ovmf"], BARE)
    assert definition.inspect(kept).nvram == "/var/lib/libvirt/qemu/nvram/ovmf-pc_VARS.fd"


def test_nvram_in_a_nested_source_is_replaced_by_a_plain_path() -> None:
    xml = re.sub(
        r"<nvram template='([^']*)'>([^<]*)</nvram>",
        r"<nvram template='\1' templateFormat='raw' type='file' format='raw'>"
        r"<source file='\2'/></nvram>",
        POSSIBLE["uefi-i440fx-plain-ovmf"],
    )
    assert definition.inspect(xml).nvram == "/var/lib/libvirt/qemu/nvram/ovmf-pc_VARS.fd"
    nvram = parse(definition.rescue_of(xml, MEDIA)).find("os/nvram")
    assert nvram is not None
    assert (nvram.text, len(nvram), "type" in nvram.attrib) == (MEDIA.nvram_path, 0, False)


def test_little_memory_is_raised_and_a_limit_that_would_kill_it_is_lifted() -> None:
    xml = POSSIBLE["tiny-256-mib"]
    assert definition.inspect(xml).memory_mib == 256
    after = parse(definition.rescue_of(xml, MEDIA, min_memory_mib=640))
    assert after.findtext("memory") == after.findtext("currentMemory") == str(640 * 1024)
    assert after.find("memtune/hard_limit") is None


def test_enough_memory_and_its_limits_stay_as_they_are() -> None:
    after = parse(definition.rescue_of(POSSIBLE["hugepages-locked"], MEDIA))
    assert after.findtext("memory") == "4194304"
    assert after.findtext("memtune/hard_limit") == "8388608"


def test_a_ballooned_guest_gets_its_minimum_without_a_bigger_maximum() -> None:
    after = parse(definition.rescue_of(POSSIBLE["ballooned"], MEDIA))
    assert after.findtext("memory") == "4194304"
    assert after.findtext("currentMemory") == str(512 * 1024)


def test_a_machine_without_a_screen_gets_one_that_listens_nowhere() -> None:
    after = parse(definition.rescue_of(POSSIBLE["virt-install-text-nographics"], MEDIA))
    listen = after.find("devices/graphics[@type='vnc']/listen")
    assert listen is not None
    assert listen.get("type") == "none"
    assert [model.get("type") for model in after.findall("devices/video/model")] == ["vga"]


def test_a_video_that_shows_nothing_gives_way_to_one_that_does() -> None:
    after = parse(definition.rescue_of(POSSIBLE["proxmox-like-serial-vga-none"], MEDIA))
    assert [model.get("type") for model in after.findall("devices/video/model")] == ["vga"]


def test_where_the_pci_bus_is_full_nothing_is_added_that_needs_it() -> None:
    xml = POSSIBLE["pci-full-i440fx-ide"]
    after = parse(definition.rescue_of(xml, MEDIA))
    assert not definition.inspect(xml).has_agent_channel
    assert after.find("devices/channel") is None
    assert after.find("devices/controller[@type='scsi']") is None


def test_an_agent_channel_is_added_once() -> None:
    for name in ("virt-install-debian-cloud-q35", "direct-kernel"):
        after = parse(definition.rescue_of(POSSIBLE[name], MEDIA))
        assert len(after.findall("devices/channel/target[@name='org.qemu.guest_agent.0']")) == 1


def test_the_boot_log_is_kept_only_where_it_was_asked_for() -> None:
    xml = POSSIBLE["direct-kernel"]
    assert definition.inspect(definition.rescue_of(xml, MEDIA)).serial_log == MEDIA.boot_log_path
    assert definition.inspect(definition.rescue_of(xml, BARE)).serial_log is None


@pytest.mark.parametrize("name", ["openstack-nova-ceph", "no-graphics-no-video-serial-tcp"])
def test_a_serial_port_in_use_otherwise_is_left_alone(name: str) -> None:
    before, after = (
        parse(x) for x in (POSSIBLE[name], definition.rescue_of(POSSIBLE[name], MEDIA))
    )
    assert [canonical(t) for t in texts(before, "devices/serial")] == [
        canonical(t) for t in texts(after, "devices/serial")
    ]


def test_bios_settings_and_smbios_survive() -> None:
    after = parse(definition.rescue_of(POSSIBLE["several-cdroms-floppy"], MEDIA))
    assert dict(after.find("os/bios").attrib) == {"useserial": "yes", "rebootTimeout": "0"}  # type: ignore[union-attr]
    after = parse(definition.rescue_of(POSSIBLE["uefi-i440fx-plain-ovmf"], MEDIA))
    assert after.find("os/smbios") is not None
    assert after.find("sysinfo") is not None


def test_other_peoples_metadata_stays_beside_ours() -> None:
    xml = POSSIBLE["openstack-nova-ceph"]
    carrying = definition.with_stay(definition.rescue_of(xml, MEDIA), stay_with(xml))
    assert [etree.QName(item).localname for item in parse(carrying).findall("metadata/*")] == [
        "instance",
        "rescue",
    ]
    again = definition.with_stay(carrying, stay_with("<domain/>"))
    assert len(parse(again).findall("metadata/*")) == 2
    stay = definition.stay_of(again)
    assert stay is not None
    assert stay.original == "<domain/>"


def test_a_definition_without_a_record_is_returned_byte_for_byte() -> None:
    xml = POSSIBLE["openstack-nova-ceph"]
    assert definition.without_stay(xml) == xml
    assert definition.original_of(xml) == xml
    assert definition.stay_of(xml) is None


def test_passwords_and_cookies_leave_the_carried_text_and_come_back() -> None:
    for name, secrets in {
        "spice-password": ["S3cret", "passwdValidTo", "connected"],
        "vnc-and-spice-passwords": ["vncS3cr", "spiceS3cret"],
        "nvme-and-http-cookies": ["c00kieS3cret"],
    }.items():
        xml = POSSIBLE[name]
        original = definition.original_of(xml)
        rescue = definition.rescue_of(xml, MEDIA)
        for secret in secrets:
            assert secret in xml and secret in rescue
            assert secret not in original
        assert canonical(definition.with_passwords(original, rescue)) == canonical(xml)


def test_a_password_changed_during_the_stay_is_the_one_that_counts_afterwards() -> None:
    xml = POSSIBLE["vnc-and-spice-passwords"]
    current = definition.rescue_of(xml, MEDIA).replace("vncS3cr", "newer")
    back = definition.with_passwords(definition.original_of(xml), current)
    assert parse(back).find("devices/graphics[@type='vnc'][@passwd='newer']") is not None
    assert parse(back).find("devices/graphics[@type='spice'][@passwd='spiceS3cret']") is not None


def test_the_facts_of_a_definition_are_read() -> None:
    facts = definition.inspect(POSSIBLE["boot-orders-everywhere"])
    assert (facts.virt_type, facts.arch, facts.os_type) == ("kvm", "x86_64", "hvm")
    assert facts.machine.startswith("pc-q35")
    assert [(disk.target, disk.bus, disk.device) for disk in facts.disks] == [
        ("vda", "virtio", "disk"),
        ("vdb", "virtio", "disk"),
        ("sda", "sata", "cdrom"),
    ]
    assert facts.disks[0].source == "/var/lib/libvirt/images/a.qcow2"
    assert facts.graphics == ("spice",)
    assert facts.has_hostdev and facts.has_serial and not facts.direct_kernel
    assert definition.inspect(POSSIBLE["direct-kernel"]).direct_kernel
    assert [nic.type for nic in facts.interfaces] == ["network"]
    shared = definition.inspect(POSSIBLE["virtio-scsi-lun-and-hostdev"]).disks
    assert [disk.shareable for disk in shared] == [False, True]


def test_another_image_architecture_can_be_asked_for() -> None:
    definition.refuse_if_impossible(REFUSED["i686"], image_arch="i686")
    with pytest.raises(CannotRescue, match="x86_64"):
        definition.refuse_if_impossible(POSSIBLE["direct-kernel"], image_arch="aarch64")


@pytest.mark.parametrize("argument", ["-uuid", "type=1,uuid=0badf57a-0000-4000-8000-000000000000"])
def test_a_machine_shows_its_uuid_unless_qemu_was_told_another(argument: str) -> None:
    xml = POSSIBLE["qemu-commandline-harmless"]
    assert definition.shown_uuid(xml) == "4338110c-6d8e-5225-b182-bc71ec7bac34"
    more = xml.replace("<qemu:arg ", f"<qemu:arg value='{argument}'/><qemu:arg ", 1)
    assert more != xml and definition.shown_uuid(more) == ""
