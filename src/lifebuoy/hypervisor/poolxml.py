"""The XML of storage pools and volumes. Pure."""

from __future__ import annotations

from lxml import etree


def directory_pool(name: str, folder: str, *, mode: int | None = None) -> str:
    """A pool over a folder; ``mode`` is for a folder that libvirt makes."""
    pool = etree.Element("pool", type="dir")
    etree.SubElement(pool, "name").text = name
    target = etree.SubElement(pool, "target")
    etree.SubElement(target, "path").text = folder
    if mode is not None:
        target.append(permissions(mode))
    return etree.tostring(pool, encoding="unicode")


def raw_volume(name: str, size: int, access: etree._Element) -> str:
    """A file of ``size`` bytes, its room taken at once; ``access`` is its ``<permissions>``."""
    volume = etree.Element("volume")
    etree.SubElement(volume, "name").text = name
    etree.SubElement(volume, "capacity", unit="bytes").text = str(size)
    etree.SubElement(volume, "allocation", unit="bytes").text = str(size)
    target = etree.SubElement(volume, "target")
    etree.SubElement(target, "format", type="raw")
    target.append(access)
    return etree.tostring(volume, encoding="unicode")


def permissions(mode: int) -> etree._Element:
    """``<permissions>`` with a mode alone; the owner is libvirt's choice."""
    element = etree.Element("permissions")
    etree.SubElement(element, "mode").text = f"{mode:04o}"
    return element


def permissions_of(volume_xml: str) -> etree._Element | None:
    """Owner, group and mode of a volume, without its security label."""
    found = etree.fromstring(volume_xml).find("target/permissions")
    if found is not None:
        for label in found.findall("label"):
            found.remove(label)
    return found


def file_size(volume_xml: str) -> int:
    """The file's size in bytes; libvirt's capacity may be that of a disk inside the file."""
    volume = etree.fromstring(volume_xml)
    return int(volume.findtext("physical") or volume.findtext("capacity") or 0)
