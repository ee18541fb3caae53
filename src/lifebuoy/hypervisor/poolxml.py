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


def overlay(name: str, base: str, base_format: str, access: etree._Element) -> str:
    """A qcow2 file over ``base``; without a size of its own it has exactly that of its base."""
    volume = etree.Element("volume")
    etree.SubElement(volume, "name").text = name
    volume.append(_qcow2(access))
    backing = etree.SubElement(volume, "backingStore")
    etree.SubElement(backing, "path").text = base
    etree.SubElement(backing, "format", type=base_format)
    return etree.tostring(volume, encoding="unicode")


def sparse(name: str, image_format: str, capacity: int, access: etree._Element) -> str:
    """A file for a disk of ``capacity`` bytes that takes no room yet."""
    volume = etree.Element("volume")
    etree.SubElement(volume, "name").text = name
    etree.SubElement(volume, "capacity", unit="bytes").text = str(capacity)
    etree.SubElement(volume, "allocation", unit="bytes").text = "0"
    if image_format == "qcow2":
        volume.append(_qcow2(access))
    else:
        target = etree.SubElement(volume, "target")
        etree.SubElement(target, "format", type=image_format)
        target.append(access)
    return etree.tostring(volume, encoding="unicode")


def _qcow2(access: etree._Element) -> etree._Element:
    """Version 3, which knows zeros: libvirt's own default may be the older one."""
    target = etree.Element("target")
    etree.SubElement(target, "format", type="qcow2")
    etree.SubElement(target, "compat").text = "1.1"
    etree.SubElement(target, "features")
    target.append(access)
    return target


def owned(uid: int, gid: int, mode: int) -> etree._Element:
    """``<permissions>`` with an owner, too."""
    element = permissions(mode)
    etree.SubElement(element, "owner").text = str(uid)
    etree.SubElement(element, "group").text = str(gid)
    return element


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
