"""Where a running domain's graphics servers listen; read from its live definition."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True)
class Graphics:
    """One graphics server. ``port`` is None without a TCP port, ``socket`` without a UNIX one.

    Both and ``listen`` are the host's.
    """

    type: str
    listen: str
    port: int | None
    socket: str | None


def listening(xml: str) -> list[Graphics]:
    """The ``<graphics>`` of a live definition, in order."""
    return [_one(element) for element in etree.fromstring(xml).findall("devices/graphics")]


def password_of(xml: str, index: int) -> str:
    """The password of one of them; empty where it has none, or ``xml`` was not read for secrets."""
    return etree.fromstring(xml).findall("devices/graphics")[index].get("passwd") or ""


def _one(element: etree._Element) -> Graphics:
    listen, socket = element.get("listen") or "", element.get("socket")
    for place in element.findall("listen"):
        listen = listen or place.get("address") or ""
        if place.get("type") == "socket":
            socket = socket or place.get("socket")
    numbers = [int(element.get(name) or -1) for name in ("port", "tlsPort")]
    return Graphics(
        type=element.get("type") or "",
        listen=listen,
        port=next((number for number in numbers if number > 0), None),
        socket=socket,
    )
