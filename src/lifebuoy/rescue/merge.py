"""Three-way merge of definitions: the edits between two of them, applied to a third.

Elements are the same in two definitions when their tag and what identifies them are: a disk by
its target, an interface by its MAC address. So what rescue mode did to an element and what a
person did to it are told apart, and only the latter is carried over.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import TypeAlias

from lifebuoy.rescue.cdrom import is_ours
from lifebuoy.rescue.markup import (
    Element,
    attribute,
    children,
    drop_attribute,
    lines_of,
    number,
    place,
    remove,
)

Key: TypeAlias = tuple[str, ...]
_Keyed: TypeAlias = dict[Key, Element]

#: Children that rescue mode itself sets, by the tag of their parent: edits are not carried over.
_OWNED_CHILDREN = {
    "domain": ("on_poweroff", "on_reboot", "on_crash"),
    "os": ("boot", "bootmenu", "kernel", "initrd", "cmdline", "dtb", "shim", "nvram"),
    "disk": ("boot",),
    "interface": ("boot",),
    "hostdev": ("boot",),
    "redirdev": ("boot",),
    "devices": ("tpm",),
    "serial": ("log",),
    "console": ("log",),
}

_OWNED_ATTRIBUTES = {"watchdog": ("action",)}

#: Devices: the paths whose values tell one from another of its kind ('' is the device itself).
_DEVICE_IDENTITY = {
    "disk": (("target", "dev"),),
    "interface": (("mac", "address"),),
    "controller": ((".", "type"), (".", "index")),
    "filesystem": (("target", "dir"),),
    "channel": ((".", "type"), ("target", "type"), ("target", "name")),
    "serial": (("target", "port"),),
    "parallel": (("target", "port"),),
    "console": (("target", "type"), ("target", "port")),
    "graphics": ((".", "type"),),
    "input": ((".", "type"), (".", "bus")),
    "audio": ((".", "id"),),
    "shmem": ((".", "name"),),
    "redirdev": ((".", "bus"), (".", "type")),
}

#: Elsewhere: the attributes that identify repeated elements.
_IDENTITY = ("name", "id", "vcpu", "vcpus", "iothread", "cell", "cpus", "model", "type", "enabled")


def merge(result: Element, before: Element, after: Element) -> None:
    """Apply to ``result`` what changed from ``before`` to ``after``; all are ``<domain>``."""
    _merge(result, before, after)
    _bring_controllers(result, after)


def _merge(result: Element, before: Element, after: Element) -> None:
    _merge_attributes(result, before, after)
    if not len(before) and not len(after):
        if (before.text or "").strip() != (after.text or "").strip():
            result.text = after.text
        return
    versions = (result, before, after)
    repeated = set().union(*(_repeated(element) for element in versions))
    ours, old, new = (_keyed(element, repeated) for element in versions)
    if ours is None or old is None or new is None:
        _replace_children(result, before, after)
        return
    for key in [*old, *(key for key in new if key not in old)]:
        if not _owned(result, key):
            _merge_child(result, (ours.get(key), old.get(key), new.get(key)))


def _merge_child(
    parent: Element, versions: tuple[Element | None, Element | None, Element | None]
) -> None:
    ours, old, new = versions
    if _same(old, new) or _is_rescue_device(old) or _is_rescue_device(new):
        return
    if old is None:
        # Somebody added it. Where the original has one, rescue mode had taken that out.
        if ours is None and new is not None:
            _add(parent, new)
    elif ours is not None:
        if new is None:
            remove(ours)
        else:
            _merge(ours, old, new)
    # What is in ``old`` alone was added for the stay: whatever became of it, it goes.


def _merge_attributes(result: Element, before: Element, after: Element) -> None:
    owned = _OWNED_ATTRIBUTES.get(str(result.tag), ())
    for name in {*before.attrib, *after.attrib}:
        value = after.get(name)
        if before.get(name) == value or name in owned:
            continue
        if value is None:
            drop_attribute(result, str(name))
        else:
            result.set(name, value)


def _replace_children(result: Element, before: Element, after: Element) -> None:
    # Repeated children that nothing tells apart (QEMU's arguments, say): order is their meaning.
    if lines_of(before) == lines_of(after):
        return
    for child in list(result):
        result.remove(child)
    result.text = after.text
    result.extend(deepcopy(child) for child in after)


def _add(parent: Element, new: Element) -> None:
    if new.tag == "controller" and new.get("type") == "pci":
        return  # libvirt adds what the devices need
    added = deepcopy(new)
    added.tail = None
    if parent.tag == "devices":
        for order in added.findall("boot"):
            remove(order)
        _forget_lost_bus(parent, added)
    place(parent, added, after=(*(str(item.tag) for item in new.itersiblings(preceding=True)),))


def _forget_lost_bus(devices: Element, added: Element) -> None:
    """Let libvirt choose a new address where the bus exists in the rescue definition only."""
    address = added.find("address")
    if address is None or address.get("type") != "pci":
        return
    buses = {0} | {
        number(controller.get("index")) for controller in devices.findall("controller[@type='pci']")
    }
    if number(address.get("bus")) not in buses:
        remove(address)


def _bring_controllers(result: Element, after: Element) -> None:
    """A disk that was added on the controller made for the stay keeps that controller."""
    devices = result.find("devices")
    if devices is None:
        return
    have = {(item.get("type"), item.get("index")) for item in devices.findall("controller")}
    wanted = {
        (attribute(disk, "target", "bus"), attribute(disk, "address", "controller"))
        for disk in devices.findall("disk")
        if attribute(disk, "address", "type") == "drive"
    }
    for controller in after.findall("devices/controller"):
        key = (controller.get("type"), controller.get("index"))
        if key in wanted and key not in have:
            _add(devices, controller)


def _repeated(parent: Element) -> set[str]:
    counts = Counter(str(child.tag) for child in children(parent))
    return {tag for tag, count in counts.items() if count > 1}


def _keyed(parent: Element, repeated: set[str]) -> _Keyed | None:
    """The children by key, or None where repeated ones cannot be told apart."""
    if parent.tag == "devices":
        return _keyed_devices(parent)
    found: _Keyed = {}
    for child in children(parent):
        key: Key = (str(child.tag),)
        if child.tag in repeated:
            key += tuple(str(child.get(name)) for name in _IDENTITY if child.get(name))[:1]
        if key in found:
            return None
        found[key] = child
    return found


def _keyed_devices(devices: Element) -> _Keyed:
    found: _Keyed = {}
    seen: Counter[Key] = Counter()
    for device in children(devices):
        key = _device_key(device)
        # Equal ones (two graphics of a type, two keyboards) are told apart by their order.
        found[(*key, f"#{seen[key]}")] = device
        seen[key] += 1
    return found


def _device_key(device: Element) -> Key:
    tag = str(device.tag)
    identity = _DEVICE_IDENTITY.get(tag)
    if identity is None:
        return (tag, *_address_key(device))
    return (tag, *(attribute(device, path, name) for path, name in identity))


def _address_key(device: Element) -> Key:
    address = device.find("source/address" if device.tag == "hostdev" else "address")
    if address is None:
        return ()
    return tuple(f"{name!s}={value!s}" for name, value in sorted(address.items()))


def _owned(parent: Element, key: Key) -> bool:
    return key[0] in _OWNED_CHILDREN.get(str(parent.tag), ())


def _is_rescue_device(element: Element | None) -> bool:
    return element is not None and element.tag == "disk" and is_ours(element)


def _same(old: Element | None, new: Element | None) -> bool:
    if old is None or new is None:
        return old is new
    return lines_of(old) == lines_of(new)
