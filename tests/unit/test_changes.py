"""Edits made during a stay: shown without secrets, kept where asked, never mixed with ours."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from lifebuoy.rescue import changes, definition
from lifebuoy.rescue.definition import RescueMedia
from tests.unit.generated import PASSWORD_MARK, definitions
from tests.unit.table import POSSIBLE

MEDIA = RescueMedia("/pool/rescue.iso", "/pool/seed.iso", "/pool/vars.fd", "/pool/boot.log")


def parse(xml: str) -> etree._Element:
    return etree.fromstring(xml.encode())


def canonical(xml: str) -> str:
    parser = etree.XMLParser(remove_blank_text=True)
    return str(etree.tostring(etree.fromstring(xml.encode(), parser), method="c14n2"), "utf-8")


def edited(xml: str, old: str, new: str) -> str:
    assert xml.count(old) >= 1, old
    return xml.replace(old, new, 1)


def stay_in(name: str) -> tuple[str, str]:
    """Original and rescue definition of one in the table."""
    xml = POSSIBLE[name]
    return definition.original_of(xml), definition.rescue_of(xml, MEDIA)


@pytest.mark.parametrize("name", POSSIBLE)
def test_nothing_changed_is_no_difference_and_keeps_the_original_byte_for_byte(name: str) -> None:
    original, rescue = stay_in(name)
    defined = definition.original_of(rescue)
    assert changes.diff(defined, rescue) == []
    assert changes.keep(original, defined, rescue) == original


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions())
def test_no_edit_and_a_title_over_generated_definitions(xml: str) -> None:
    original, rescue = definition.original_of(xml), definition.rescue_of(xml, MEDIA)
    assert changes.keep(original, definition.original_of(rescue), rescue) == original
    current = re.sub(r"<title>.*?</title>", "", rescue, flags=re.S)
    current = edited(current, "<memory ", "<title>new</title><memory ")
    kept = changes.keep(original, definition.original_of(rescue), current)
    expected = re.sub(r"<title>.*?</title>", "", original, flags=re.S)
    assert parse(kept).findtext("title") == "new"
    without = re.sub(r"<title>.*?</title>", "", kept, flags=re.S)
    assert canonical(without) == canonical(expected)
    lines = changes.diff(definition.original_of(rescue), current)
    assert any(line.startswith("+") and "<title>new</title>" in line for line in lines)
    assert PASSWORD_MARK not in "".join(lines) + changes.definition_diff(xml, rescue)


def test_the_ejected_media_are_no_edit() -> None:
    original, rescue = stay_in("direct-kernel")
    root = parse(rescue)
    for disk in root.findall("devices/disk"):
        source = disk.find("source")
        if (disk.findtext("serial") or "").startswith("lifebuoy-") and source is not None:
            disk.remove(source)
            disk.find("target").set("tray", "open")  # type: ignore[union-attr]
    current = etree.tostring(root, encoding="unicode")
    assert changes.diff(rescue, current) == []
    assert changes.keep(original, rescue, current) == original


def test_the_seeds_drive_gone_with_its_medium_is_no_edit_but_the_images_is() -> None:
    original, rescue = stay_in("direct-kernel")
    for serial, is_edit in (("lifebuoy-seed", False), ("lifebuoy-rescue", True)):
        root = parse(rescue)
        for disk in root.findall("devices/disk"):
            if disk.findtext("serial") == serial:
                disk.getparent().remove(disk)  # type: ignore[union-attr]
        current = etree.tostring(root, encoding="unicode")
        assert (changes.diff(rescue, current) != []) is is_edit
        assert changes.keep(original, rescue, current) == original


def test_another_medium_in_our_drive_is_an_edit_that_is_shown_and_not_kept() -> None:
    original, rescue = stay_in("direct-kernel")
    current = edited(rescue, "/pool/rescue.iso", "/home/me/other.iso")
    assert any("/home/me/other.iso" in line for line in changes.diff(rescue, current))
    assert changes.keep(original, rescue, current) == original


def test_a_changed_password_is_neither_an_edit_nor_shown() -> None:
    original, rescue = stay_in("vnc-and-spice-passwords")
    current = edited(rescue, "vncS3cr", "newer")
    assert changes.diff(rescue, current) == []
    assert changes.keep(original, rescue, current) == original
    current = edited(current, "<memory ", "<title>t</title><memory ")
    shown = "\n".join(changes.diff(rescue, current))
    assert shown and "newer" not in shown and "S3cr" not in shown
    kept = changes.keep(original, rescue, current)
    assert "newer" not in kept and "S3cr" not in kept
    assert "newer" in definition.with_passwords(kept, current)


def test_memory_that_was_raised_for_the_stay_goes_back_unless_somebody_set_it() -> None:
    original, rescue = stay_in("tiny-256-mib")
    titled = edited(rescue, "<memory ", "<title>t</title><memory ")
    kept = parse(changes.keep(original, rescue, titled))
    assert kept.findtext("memory") == "262144"
    assert kept.find("memtune/hard_limit") is not None
    bigger = rescue.replace(">524288</memory>", ">1048576</memory>")
    bigger = bigger.replace(">524288</currentMemory>", ">1048576</currentMemory>")
    kept = parse(changes.keep(original, rescue, bigger))
    assert kept.findtext("memory") == kept.findtext("currentMemory") == "1048576"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (">2</vcpu>", ">4</vcpu>", "vcpu"),
        ("<apic/>", "", "features"),
        ("<apic/>", '<apic/><pmu state="off"/>', "features"),
        ('<clock offset="utc">', '<clock offset="localtime">', "clock"),
        ('name="hpet" present="no"', 'name="hpet" present="yes"', "clock"),
        ('fallback="forbid">qemu64', 'fallback="forbid">qemu32', "cpu"),
        ("<cpu ", "<iothreads>2</iothreads><cpu ", "iothreads"),
        ("<memory ", "<description>d</description><memory ", "description"),
        ("<memory ", "<memtune><soft_limit>9</soft_limit></memtune><memory ", "memtune"),
    ],
)
def test_an_edit_of_the_machine_is_kept_and_nothing_else_changes(
    old: str, new: str, path: str
) -> None:
    original, rescue = stay_in("watchdog-reset")
    rescue = etree.tostring(parse(rescue), encoding="unicode")
    original = etree.tostring(parse(original), encoding="unicode")
    current = edited(rescue, old, new)
    assert changes.diff(rescue, current)
    kept = changes.keep(original, rescue, current)
    assert canonical(kept) == canonical(edited(original, old, new))
    assert parse(kept).find(path) is not None


def test_what_rescue_mode_sets_itself_is_not_carried_over() -> None:
    original, rescue = stay_in("boot-orders-everywhere")
    current = edited(rescue, "<on_poweroff>restart", "<on_poweroff>destroy")
    current = edited(current, "</os>", '<bootmenu enable="yes"/></os>')
    current = edited(
        current,
        '<target dev="vda" bus="virtio"/>',
        '<target dev="vda" bus="virtio"/><boot order="9"/>',
    )
    assert changes.diff(rescue, current)
    assert changes.keep(original, rescue, current) == original


def test_an_edit_of_a_watchdog_does_not_bring_our_action_along() -> None:
    original, rescue = stay_in("watchdog-reset")
    current = edited(rescue, 'model="i6300esb"', 'model="ib700"')
    dog = parse(changes.keep(original, rescue, current)).find("devices/watchdog")
    assert dog is not None
    assert (dog.get("model"), dog.get("action")) == ("ib700", "reset")


def test_an_added_disk_is_kept() -> None:
    original, rescue = stay_in("watchdog-reset")
    new = (
        '<disk type="file" device="disk"><source file="/b.img"/><target dev="vdb" bus="virtio"/>'
        '<boot order="2"/>'
        '<address type="pci" domain="0x0000" bus="0x20" slot="0x00" function="0x0"/></disk>'
    )
    kept = parse(changes.keep(original, rescue, edited(rescue, "<controller", new + "<controller")))
    disks = kept.findall("devices/disk")
    assert [disk.find("target").get("dev") for disk in disks] == ["vda", "vdb"]  # type: ignore[union-attr]
    assert disks[1].find("boot") is None
    assert disks[1].find("address") is None, "that bus is the rescue definition's alone"


def test_a_disk_added_on_our_controller_brings_that_controller_along() -> None:
    original, rescue = stay_in("watchdog-reset")
    new = (
        '<disk type="file" device="disk"><source file="/b.img"/><target dev="sdx" bus="scsi"/>'
        '<address type="drive" controller="0" bus="0" target="0" unit="5"/></disk>'
    )
    assert parse(original).find("devices/controller[@type='scsi']") is None
    kept = parse(changes.keep(original, rescue, edited(rescue, "<controller", new + "<controller")))
    controllers = kept.findall("devices/controller[@type='scsi']")
    assert [controller.get("model") for controller in controllers] == ["virtio-scsi"]
    assert "lifebuoy" not in etree.tostring(kept, encoding="unicode")


def test_a_removed_disk_and_a_removed_interface_are_gone() -> None:
    original, rescue = stay_in("many-disks-every-bus")
    root = parse(rescue)
    devices = root.find("devices")
    assert devices is not None
    for path in ("disk/target[@dev='sdb']/..", "interface"):
        found = devices.find(path)
        assert found is not None
        devices.remove(found)
    kept = parse(changes.keep(original, rescue, etree.tostring(root, encoding="unicode")))
    assert kept.find("devices/disk/target[@dev='sdb']") is None
    assert kept.find("devices/interface") is None
    before = parse(original)
    assert len(kept.findall("devices/disk")) == len(before.findall("devices/disk")) - 1
    assert len(kept.findall("devices/*")) == len(before.findall("devices/*")) - 2


def test_an_edit_of_one_device_keeps_its_boot_order_and_the_others() -> None:
    original, rescue = stay_in("boot-orders-everywhere")
    current = edited(rescue, '<source network="default"/>', '<source network="lab"/>')
    assert current != rescue
    kept = changes.keep(original, rescue, current)
    old = "<source network='default'/>"
    assert canonical(kept) == canonical(edited(original, old, "<source network='lab'/>"))


def test_a_disk_that_moved_to_another_kind_of_source_is_kept() -> None:
    original, rescue = stay_in("watchdog-reset")
    root = parse(rescue)
    disk = root.find("devices/disk/target[@dev='vda']/..")
    assert disk is not None
    disk.set("type", "block")
    source = disk.find("source")
    assert source is not None
    del source.attrib["file"]
    source.set("dev", "/dev/vg/root")
    kept = parse(changes.keep(original, rescue, etree.tostring(root, encoding="unicode")))
    found = kept.find("devices/disk[@type='block']/source")
    assert found is not None
    assert dict(found.items()) == {"dev": "/dev/vg/root"}


def test_a_tpm_that_was_taken_out_for_the_stay_is_back_whatever_was_edited() -> None:
    original, rescue = stay_in("windows11-uefi-tpm")
    current = edited(rescue, "<memory ", "<title>t</title><memory ")
    kept = parse(changes.keep(original, rescue, current))
    assert kept.find("devices/tpm") is not None
    assert (kept.findtext("os/nvram") or "").endswith("win11_VARS.fd")
    assert kept.findtext("on_poweroff") == "destroy"


def test_edited_arguments_for_qemu_keep_their_order() -> None:
    original, rescue = stay_in("macos")
    current = edited(
        rescue,
        '<qemu:arg value="-smbios"/>',
        '<qemu:arg value="-name"/><qemu:arg value="x"/><qemu:arg value="-smbios"/>',
    )
    kept = parse(changes.keep(original, rescue, current))
    values = [item.get("value") for item in kept.iterfind("{*}commandline/{*}arg")]
    assert values == [
        item.get("value") for item in parse(current).iterfind("{*}commandline/{*}arg")
    ]
    assert "-name" in values


def test_metadata_of_others_added_during_the_stay_is_kept() -> None:
    original, rescue = stay_in("watchdog-reset")
    note = '<metadata><n:note xmlns:n="http://example.org/n">by me</n:note></metadata>'
    current = edited(rescue, "<memory ", note + "<memory ")
    kept = parse(changes.keep(original, rescue, current))
    assert kept.findtext("metadata/{http://example.org/n}note") == "by me"


def test_a_rename_during_the_stay_is_kept() -> None:
    original, rescue = stay_in("watchdog-reset")
    current = edited(rescue, "<name>watched</name>", "<name>renamed</name>")
    assert parse(changes.keep(original, rescue, current)).findtext("name") == "renamed"


def test_the_order_of_controllers_is_no_difference() -> None:
    original, rescue = stay_in("many-disks-every-bus")
    root = parse(rescue)
    devices = root.find("devices")
    assert devices is not None
    for controller in devices.findall("controller")[:3]:
        devices.remove(controller)
        devices.append(controller)
    current = etree.tostring(root, encoding="unicode")
    assert changes.diff(rescue, current) == []
    assert changes.same(rescue, current)
    assert changes.keep(original, rescue, current) == original


def test_the_same_definition_means_passwords_too() -> None:
    xml = POSSIBLE["vnc-and-spice-passwords"]
    assert changes.same(xml, xml)
    assert not changes.same(xml, edited(xml, "vncS3cr", "newer"))


def test_a_dry_run_shows_what_entering_changes_without_secrets() -> None:
    xml = POSSIBLE["vnc-and-spice-passwords"]
    text = changes.definition_diff(xml, definition.rescue_of(xml, MEDIA))
    assert "S3cr" not in text
    for shown in (
        '+      <source file="/pool/rescue.iso"/>',
        '-    <boot dev="hd"/>',
        "+  <on_poweroff>restart</on_poweroff>",
        "+      <serial>lifebuoy-seed</serial>",
    ):
        assert shown in text
    assert changes.definition_diff(xml, xml) == ""
