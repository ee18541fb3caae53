"""The record of a stay, as an element of the domain's own metadata.

The carried definitions are text inside the element, not nested XML: libvirt re-indents nested
elements and a search with ``//`` would find theirs too, while text comes back byte for byte.
"""

from __future__ import annotations

from lxml import etree

from lifebuoy.errors import StayUnreadable
from lifebuoy.model import Phase, Stay
from lifebuoy.rescue.markup import Element, text_of

NAMESPACE = "https://lifebuoy.dev/xmlns/rescue/1"
PREFIX = "lifebuoy"
VERSION = 1
TAG = f"{{{NAMESPACE}}}rescue"

_HINT = "the instance's original definition is in its metadata: virsh dumpxml shows it"


def to_element(stay: Stay) -> Element:
    """The stay as the element that goes below ``<metadata>``."""
    root = etree.Element(TAG, nsmap={PREFIX: NAMESPACE})
    for name, value in (
        ("version", str(VERSION)),
        ("phase", stay.phase.value),
        ("session", stay.session),
        ("since", stay.since),
        ("running", _yes_no(stay.was_running)),
        ("autostart", _yes_no(stay.autostart)),
        ("image", stay.image),
        ("host-key", stay.host_key),
    ):
        root.set(name, value)
    if stay.nvram_sha256:
        root.set("nvram-sha256", stay.nvram_sha256)
    _add(root, "original", stay.original)
    _add(root, "defined", stay.defined)
    for volume in stay.volumes:
        _add(root, "volume", volume)
    return root


def to_xml(stay: Stay) -> str:
    """The stay as virDomainSetMetadata takes it: without the namespace, which libvirt adds.

    (It refuses an element that declares the prefix already.)
    """
    root = to_element(stay)
    for element in root.iter():
        element.tag = _name(element)
    etree.cleanup_namespaces(root)
    return text_of(root)


def from_xml(text: str) -> Stay:
    """The stay in ``text``, which is what ``to_xml`` made or what libvirt made of that.

    Raises:
        StayUnreadable: it is malformed, or was written by a newer version.
    """
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True
    )
    try:
        return from_element(etree.fromstring(text.encode("utf-8"), parser))
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        raise StayUnreadable(f"the record of the stay is damaged: {error}", hint=_HINT) from error


def from_element(root: Element) -> Stay:
    """The stay in an element; see ``from_xml``."""
    if _name(root) != "rescue":
        raise StayUnreadable(f"this is no record of a stay: <{root.tag}>", hint=_HINT)
    _check_version(_required(root, "version"))
    phase = _required(root, "phase")
    if phase not in set(Phase):
        raise StayUnreadable(f"the record of the stay has the unknown phase '{phase}'", hint=_HINT)
    return Stay(
        phase=Phase(phase),
        session=_required(root, "session"),
        since=_required(root, "since"),
        was_running=_flag(root, "running"),
        autostart=_flag(root, "autostart"),
        image=_required(root, "image"),
        host_key=str(root.get("host-key") or ""),
        original=_one(root, "original"),
        defined=_one(root, "defined"),
        nvram_sha256=str(root.get("nvram-sha256") or ""),
        volumes=tuple(child.text or "" for child in root if _name(child) == "volume"),
    )


def _add(root: Element, name: str, text: str) -> None:
    child = etree.SubElement(root, f"{{{NAMESPACE}}}{name}")
    child.text = text


def _name(element: Element) -> str:
    # virDomainGetMetadata returns the element with its namespace taken off, dumpxml with it.
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _required(root: Element, name: str) -> str:
    value = root.get(name)
    if value is None:
        raise StayUnreadable(f"the record of the stay lacks '{name}'", hint=_HINT)
    return str(value)


def _flag(root: Element, name: str) -> bool:
    value = _required(root, name)
    if value not in ("yes", "no"):
        raise StayUnreadable(
            f"in the record of the stay '{name}' is '{value}', not yes or no", hint=_HINT
        )
    return value == "yes"


def _one(root: Element, name: str) -> str:
    found = [child for child in root if _name(child) == name]
    if len(found) != 1 or len(found[0]):
        raise StayUnreadable(f"the record of the stay needs one text '{name}'", hint=_HINT)
    return found[0].text or ""


def _check_version(version: str) -> None:
    if version == str(VERSION):
        return
    if version.isdecimal() and int(version) > VERSION:
        raise StayUnreadable(
            f"the stay was begun by a newer Lifebuoy (record version {version})",
            hint="leave rescue mode with that version, or upgrade this one",
        )
    raise StayUnreadable(f"the record of the stay has the version '{version}'", hint=_HINT)
