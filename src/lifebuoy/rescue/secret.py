"""Secrets that stand in a definition: found, taken out, put back.

A definition read with VIR_DOMAIN_XML_SECURE holds the graphics passwords (and the cookies of
HTTP disks). They stay where they are in the rescue definition, but must not stand in the carried
copy: read-only clients may see metadata.
"""

from __future__ import annotations

from copy import deepcopy

from lifebuoy.rescue.markup import Element, attribute, drop_attribute, place, remove

# ``passwdValidTo`` and ``connected`` mean something only beside the password, so they go with it.
_PASSWORD_ATTRIBUTES = ("passwd", "passwdValidTo", "connected")

_GraphicsKey = tuple[str, int]
_CookiesKey = tuple[str, int]


def take_out(root: Element) -> bool:
    """Remove every secret from ``root``; whether there was one."""
    found = False
    for graphics in root.findall("devices/graphics"):
        for name in _PASSWORD_ATTRIBUTES:
            found = drop_attribute(graphics, name) or found
    for cookies in list(root.iterfind("devices/disk//source/cookies")):
        remove(cookies)
        found = True
    return found


def put_back(root: Element, holder: Element) -> None:
    """Give the secrets that ``holder`` has to the same devices of ``root``.

    Graphics are the same when type and ordinal among that type are, disks when the target is.
    """
    held = _graphics(holder)
    for key, graphics in _graphics(root).items():
        for name in _PASSWORD_ATTRIBUTES:
            value = held[key].get(name) if key in held else None
            if value is not None:
                graphics.set(name, value)
    sources = _sources(holder)
    for source_key, source in _sources(root).items():
        cookies = sources[source_key].find("cookies") if source_key in sources else None
        if cookies is not None and source.find("cookies") is None:
            place(source, deepcopy(cookies), after=("host", "ssl"))


def _graphics(root: Element) -> dict[_GraphicsKey, Element]:
    found: dict[_GraphicsKey, Element] = {}
    for graphics in root.findall("devices/graphics"):
        kind = str(graphics.get("type") or "")
        ordinal = sum(1 for key in found if key[0] == kind)
        found[kind, ordinal] = graphics
    return found


def _sources(root: Element) -> dict[_CookiesKey, Element]:
    return {
        (attribute(disk, "target", "dev"), depth): source
        for disk in root.findall("devices/disk")
        for depth, source in enumerate(disk.iter("source"))
    }
