"""The disks in a definition, and the definition with other sources for them. Pure; XML only.

A definition with its secrets goes in and comes out: nothing of it but the sources and formats of
the disks named is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from lifebuoy.backup.book import File
from lifebuoy.errors import CannotBackUp


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that the instance can write to. ``pool`` and ``volume`` where it names those,
    else ``path``; ``obstacle`` is why it cannot be part of a point, empty as a rule."""

    target: str
    format: str
    path: str
    pool: str
    volume: str
    obstacle: str


def disks(xml: str) -> list[Disk]:
    """The writable disks, in order."""
    found = [_disk(disk) for disk in _parse(xml).iterfind("devices/disk") if _written(disk)]
    return [one for one in found if one is not None]


def nvram(xml: str) -> str:
    """The file of the UEFI variables, empty where there is none."""
    element = _parse(xml).find("os/nvram")
    if element is None:
        return ""
    source = element.find("source")
    named = "" if source is None else str(source.get("file") or "")
    return (element.text or "").strip() or named


def sources(xml: str) -> dict[str, str]:
    """What each disk with a source names, by its target: a path, or a volume's name."""
    found: dict[str, str] = {}
    for disk in _parse(xml).iterfind("devices/disk"):
        source, target = disk.find("source"), disk.find("target")
        if source is not None and target is not None:
            found[str(target.get("dev"))] = _names(source)
    return found


def files_named(xml: str) -> set[str]:
    """Every file and device that the definition names for a disk, those below others too."""
    return {
        str(name)
        for source in _parse(xml).iterfind("devices/disk//source")
        for name in (source.get("file"), source.get("dev"))
        if name
    }


def volumes_named(xml: str) -> set[tuple[str, str]]:
    """Every volume that it names for a disk, with its pool."""
    return {
        (str(source.get("pool")), str(source.get("volume")))
        for source in _parse(xml).iterfind("devices/disk//source")
        if source.get("volume")
    }


def switched(xml: str, files: Mapping[str, File]) -> str:
    """The definition with these files as its disks' sources; disks that it has not are passed
    over."""
    root = _parse(xml)
    for disk in root.iterfind("devices/disk"):
        target = disk.find("target")
        file = None if target is None else files.get(str(target.get("dev")))
        if file is not None:
            _point(disk, file)
    return etree.tostring(root, encoding="unicode")


def same(xml: str, other: str) -> bool:
    """Whether two definitions are the same, however they are written."""
    return etree.tostring(_parse(xml)) == etree.tostring(_parse(other))


def names_only(xml: str, *known: Mapping[str, File]) -> bool:
    """Whether each disk that is known names a file that one of ``known`` has for it."""
    named = sources(xml)
    return all(
        named[target] in {name for files in known for name in _all_names(files.get(target))}
        for files in known
        for target in files
        if target in named
    )


def matches(xml: str, files: Mapping[str, File]) -> bool:
    """Whether the disks that the definition has of these name these files."""
    return names_only(xml, files)


def _parse(xml: str) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True
    )
    try:
        return etree.fromstring(xml.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        raise CannotBackUp(f"the definition is not well-formed XML: {error}") from error


def _written(disk: etree._Element) -> bool:
    """CD-ROMs, floppies and read-only disks are no part of a point."""
    device = disk.get("device") or "disk"
    return device in {"disk", "lun"} and disk.find("readonly") is None


def _disk(disk: etree._Element) -> Disk | None:
    source, target, driver = disk.find("source"), disk.find("target"), disk.find("driver")
    if source is None or target is None:
        return None
    return Disk(
        target=str(target.get("dev")),
        format=str((driver is not None and driver.get("type")) or "raw"),
        path=str(source.get("file") or ""),
        pool=str(source.get("pool") or ""),
        volume=str(source.get("volume") or ""),
        obstacle=_obstacle(disk, source),
    )


def _obstacle(disk: etree._Element, source: etree._Element) -> str:
    """Why this disk cannot be part of a point, by what the definition says."""
    kind = str(disk.get("type") or "file")
    network = f"it is on the network ({source.get('protocol')}), where there is no file to freeze"
    kinds = {
        "block": "it is a block device (LVM, a partition, a SAN), where there is no room beside it",
        "network": network,
        "dir": "it is a folder shown as a disk",
        "nvme": "it is a device of the host",
        "vhostuser": "another program serves it",
        "vhostvdpa": "a device of the host serves it",
    }
    present = (
        ("shareable", "it is shareable: another instance may write to it at any time"),
        ("transient", "it is transient: what is written to it is thrown away"),
        ("backingStore", "its definition spells out its backing store, which would hide its data"),
        ("mirror", "it is being copied just now (block job)"),
        ("source/slices", "it is a part of a file (slices)"),
        ("source/encryption", "it is encrypted by libvirt: an overlay could lie in clear"),
        ("encryption", "it is encrypted by libvirt: an overlay could lie in clear"),
    )
    if kind not in {"file", "volume"}:
        return kinds.get(kind, f"its type is '{kind}'")
    if disk.get("device") == "lun":
        return "it passes SCSI commands through to a device (lun)"
    return next((why for path, why in present if disk.find(path) is not None), "")


def _all_names(file: File | None) -> set[str]:
    return set() if file is None else {file.path, file.volume} - {""}


def _names(source: etree._Element) -> str:
    for attribute in ("file", "volume", "dev", "name", "dir", "path"):
        if source.get(attribute):
            return str(source.get(attribute))
    return ""


def _point(disk: etree._Element, file: File) -> None:
    source, driver = disk.find("source"), disk.find("driver")
    if source is None:
        return
    if source.get("volume"):
        source.set("volume", file.volume)
    else:
        source.set("file", file.path)
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        source.addprevious(driver)
    driver.set("type", file.format)
    # There was none before the first point: libvirt writes it after merging a running disk.
    for backing in disk.findall("backingStore"):
        disk.remove(backing)
