"""Addresses of a guest, from whoever knows them: its agent, the DHCP leases, the ARP table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import libvirt


class AddressSource(StrEnum):
    """Who said so; the first is the surest."""

    AGENT = "agent"
    LEASE = "lease"
    ARP = "arp"


@dataclass(frozen=True, slots=True)
class Address:
    """One address of one interface."""

    mac: str
    ip: str
    prefix: int
    source: AddressSource


_SOURCES: Final = {
    AddressSource.AGENT: libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
    AddressSource.LEASE: libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    AddressSource.ARP: libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
}


def guest_addresses(raw: Any) -> list[Address]:
    """Addresses known now, each once, without loopback; a source that fails knows none."""
    found: dict[tuple[str, str], Address] = {}
    for source in AddressSource:
        for address in _from(raw, source):
            found.setdefault((address.mac, address.ip), address)
    return list(found.values())


def _from(raw: Any, source: AddressSource) -> list[Address]:
    try:
        answer = raw.interfaceAddresses(_SOURCES[source], 0)
    except libvirt.libvirtError:
        return []  # no agent, no libvirt network, not running: all mean that this one knows none
    return interfaces_in(answer, source)


def interfaces_in(answer: dict[str, Any], source: AddressSource) -> list[Address]:
    """The addresses in libvirt's answer, without those of loopback interfaces."""
    return [
        Address(str(card.get("hwaddr") or ""), str(item["addr"]), int(item["prefix"]), source)
        for name, card in answer.items()
        if name != "lo"
        for item in card.get("addrs") or ()
    ]
