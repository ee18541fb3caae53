"""original -> rescue -> original through a real libvirt: what it gives back is what it had.

Nothing is started, so no accelerator is needed; the definitions of the table are of type kvm as
on real hosts and are turned to qemu, which every host can define.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from lifebuoy.errors import CannotRescue, HostTrouble
from lifebuoy.hypervisor import Host
from lifebuoy.model import Phase, Stay
from lifebuoy.rescue import changes, definition
from lifebuoy.rescue.definition import RescueMedia
from lifebuoy.rescue.stay import NAMESPACE, from_xml
from tests.unit.generated import PASSWORD_MARK, definitions
from tests.unit.table import POSSIBLE

MEDIA = RescueMedia("/pool/rescue.iso", "/pool/seed.iso", "/pool/vars.fd", "/pool/boot.log")

# Where this libvirt or QEMU lacks a part that the definition needs (an emulated TPM, say).


@pytest.fixture(scope="module")
def host(embedded: Host) -> Host:
    return embedded


@dataclass
class Tally:
    """How many of the made-up definitions came how far."""

    made: int = 0
    accepted: int = 0
    refused_by_us: int = 0


def as_qemu(xml: str) -> str:
    return xml.replace("<domain type='kvm'", "<domain type='qemu'", 1)


def stay_with(original: str, *, defined: str = "") -> Stay:
    return Stay(
        phase=Phase.RESCUE,
        session="0f3c",
        since="2026-01-02T03:04:05Z",
        was_running=True,
        autostart=False,
        image="debian-12",
        host_key="ssh-ed25519 AAAA",
        original=original,
        defined=defined,
        volumes=("seed.iso",),
    )


def round_trip(host: Host, xml: str) -> bool:
    """Enter and leave by definitions alone; the definition must come back as it was.

    Whether it is also printed in the same order (see ``changes.same``).
    """
    domain = host.define(xml)
    try:
        before = domain.xml(secure=True)
        stay = stay_with(definition.original_of(before))
        rescue = definition.rescue_of(before, MEDIA)
        domain = host.define(definition.with_stay(rescue, stay))
        defined = definition.original_of(domain.xml(secure=True))
        stay = stay_with(stay.original, defined=defined)
        domain = host.define(definition.with_stay(domain.xml(secure=True), stay))
        check_inside(domain.xml(secure=True), domain.metadata(NAMESPACE) or "", stay)
        assert PASSWORD_MARK not in domain.xml()
        back = definition.with_passwords(stay.original, domain.xml(secure=True))
        after = host.define(back).xml(secure=True)
        assert changes.same(after, before)
        # Not more may differ than when libvirt reads its own text again.
        assert after == host.define(before).xml(secure=True)
        return after == before
    finally:
        domain.undefine()


def check_inside(secure: str, metadata: str, stay: Stay) -> None:
    """The record comes back by every way; nothing but the CD-ROM boots; devices keep places."""
    assert definition.stay_of(secure) == stay
    assert from_xml(metadata) == stay
    root = etree.fromstring(definition.without_stay(secure).encode())
    assert [item.get("order") for item in root.findall("devices/*/boot")] == ["1"]
    assert root.find("os/boot") is None
    places = {address_of(device) for device in root.findall("devices/*")}
    original = etree.fromstring(stay.original.encode())
    for device in original.findall("devices/*"):
        # A TPM leaves, and a video that shows nothing gives way to one that does.
        if device.find("address") is not None and device.tag not in ("tpm", "video"):
            assert address_of(device) in places
    assert changes.diff(stay.defined, secure) == []
    assert changes.keep(stay.original, stay.defined, secure) == stay.original


def address_of(device: etree._Element) -> tuple[str, ...]:
    address, target = device.find("address"), device.find("target")
    name = "" if target is None else str(target.get("dev"))
    # Libvirt marks the first function of a slot when a second one moves in.
    values = [
        f"{key!s}={value!s}"
        for key, value in ([] if address is None else address.items())
        if key != "multifunction"
    ]
    return (str(device.tag), name, *values)


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_real_world_definition_comes_back_identical_from_libvirt(host: Host, name: str) -> None:
    round_trip(host, as_qemu(POSSIBLE[name]))


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_definition_that_libvirt_has_read_back_once_comes_back_byte_for_byte(
    host: Host, name: str
) -> None:
    domain = host.define(as_qemu(POSSIBLE[name]))
    settled = host.define(domain.xml(secure=True)).xml(secure=True)
    assert round_trip(host, settled)


@pytest.mark.parametrize("examples", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_generated_definitions_come_back_identical_from_libvirt(host: Host, examples: int) -> None:
    tally = Tally()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(definitions())
    def one(xml: str) -> None:
        tally.made += 1
        try:
            domain = host.define(xml)
        except HostTrouble:
            return  # libvirt's rules are its own; the share below is the guard
        accepted = domain.xml(secure=True)
        domain.undefine()
        tally.accepted += 1
        try:
            definition.refuse_if_impossible(accepted)
        except CannotRescue:
            tally.refused_by_us += 1
            return
        round_trip(host, xml)

    one()
    assert tally.accepted > tally.made * 0.9, tally
    assert tally.refused_by_us < tally.accepted * 0.02, tally
