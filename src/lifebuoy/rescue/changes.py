"""What somebody changed in the rescue definition during the stay: shown, and kept if wanted."""

from __future__ import annotations

from difflib import unified_diff

from lifebuoy.rescue.cdrom import SEED_SERIAL, is_ours
from lifebuoy.rescue.definition import original_of
from lifebuoy.rescue.markup import (
    Element,
    drop_attribute,
    lines_of,
    number,
    parse,
    remove,
    text_of,
)
from lifebuoy.rescue.merge import merge


def same(one: str, other: str) -> bool:
    """Whether two definitions are the same, secrets and metadata included.

    The order of controllers does not count: libvirt prints those that it added itself in another
    order once it has read its own definition back, as it does at each start of its daemon.
    """
    roots = parse(one), parse(other)
    for root in roots:
        _sort_controllers(root)
    return lines_of(roots[0]) == lines_of(roots[1])


def settled(xml: str) -> str:
    """A definition as it is compared by ``same``: equal texts for what is the same."""
    root = parse(xml)
    _sort_controllers(root)
    return "\n".join(lines_of(root))


def diff(defined: str, current: str) -> list[str]:
    """The edits between two inactive definitions, as lines of a unified diff; [] if none.

    Not counted: our metadata, the ejection of our own media, secrets (which are never shown).

    Raises:
        CannotRescue: one of them is not a well-formed domain definition.
    """
    before, after = _plain(defined), _plain(current)
    _ignore_ejection(before, after)
    return _unified(before, after, "as Lifebuoy defined it", "as it is now")


def keep(original: str, defined: str, current: str) -> str:
    """The original with the edits that were made between ``defined`` and ``current``.

    Edits to what rescue mode itself set (boot choices, lifecycle actions, our CD-ROMs, devices
    added for the stay) are not carried over. Without an edit the original is returned as it is.

    Raises:
        CannotRescue: one of them is not a well-formed domain definition.
    """
    before, after, result = _plain(defined), _plain(current), _carried(original)
    _ignore_ejection(before, after)
    if lines_of(before) == lines_of(after):
        return original
    unchanged = lines_of(result)
    merge(result, before, after)
    return original if lines_of(result) == unchanged else text_of(result)


def definition_diff(original: str, rescue: str) -> str:
    """What entering changes, as a unified diff without secrets, for ``--dry-run``."""
    lines = _unified(_plain(original), _plain(rescue), "original", "in rescue mode")
    return "".join(line + "\n" for line in lines)


def _plain(xml: str) -> Element:
    """What counts when two definitions are compared, in one order."""
    root = _carried(xml)
    _sort_controllers(root)
    return root


def _carried(xml: str) -> Element:
    return parse(original_of(xml))


def _sort_controllers(root: Element) -> None:
    found = root.findall("devices/controller")
    if not found:
        return
    parent = found[0].getparent()
    if parent is None:
        return
    index = parent.index(found[0])
    for controller in found:
        parent.remove(controller)
    found.sort(key=lambda item: (str(item.get("type")), number(item.get("index")), text_of(item)))
    for offset, controller in enumerate(found):
        parent.insert(index + offset, controller)


def _ignore_ejection(before: Element, after: Element) -> None:
    """Make our CD-ROMs equal where the only difference is that the medium is out, or the seed's
    drive with it, as on USB.

    Another medium put in by somebody stays a difference.
    """
    defined = {_serial(disk): disk for disk in before.findall("devices/disk") if is_ours(disk)}
    seed = defined.get(SEED_SERIAL)
    if seed is not None and not any(
        _serial(disk) == SEED_SERIAL for disk in after.findall("devices/disk")
    ):
        remove(seed)
    for disk in after.findall("devices/disk"):
        ours = defined.get(_serial(disk))
        if ours is None or not is_ours(disk):
            continue
        for item in (disk, ours):
            target = item.find("target")
            if target is not None:
                drop_attribute(target, "tray")
        source = ours.find("source")
        if disk.find("source") is None and source is not None:
            remove(source)


def _serial(disk: Element) -> str:
    return (disk.findtext("serial") or "").strip()


def _unified(before: Element, after: Element, old: str, new: str) -> list[str]:
    return list(unified_diff(lines_of(before), lines_of(after), old, new, lineterm=""))
