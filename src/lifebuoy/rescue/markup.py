"""Domain XML as lxml elements: reading, printing, placing. No knowledge of rescue mode."""

from __future__ import annotations

from typing import TypeAlias

from lxml import etree

from lifebuoy.errors import CannotRescue

Element: TypeAlias = etree._Element

_INDENT = "  "


def parse(xml: str) -> Element:
    """The root element of a domain's definition.

    Raises:
        CannotRescue: it is not well-formed, or not a domain.
    """
    # Definitions come from other people's hosts: no entities, no files, no network.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True
    )
    try:
        root = etree.fromstring(xml.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        raise CannotRescue(f"the definition is not well-formed XML: {error}") from error
    if root.tag != "domain":
        raise CannotRescue(f"this is no domain definition: its root is <{root.tag}>")
    return root


def text_of(element: Element) -> str:
    """The element as text, without what follows it."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def lines_of(element: Element) -> list[str]:
    """The element printed one item a line, for comparing; the element itself is not changed."""
    parser = etree.XMLParser(remove_blank_text=True, resolve_entities=False, huge_tree=True)
    copy = etree.fromstring(text_of(element).encode("utf-8"), parser)
    etree.indent(copy, space=_INDENT)
    return text_of(copy).splitlines()


def words(parent: Element, path: str) -> str:
    """The stripped text at ``path``, or an empty string."""
    return (parent.findtext(path) or "").strip()


def attribute(parent: Element, path: str, name: str) -> str:
    """An attribute of the element at ``path``, or an empty string."""
    found = parent.find(path)
    return "" if found is None else str(found.get(name) or "")


def drop_attribute(element: Element, name: str) -> bool:
    """Remove an attribute; whether it was there."""
    if name not in element.attrib:
        return False
    del element.attrib[name]
    return True


def children(parent: Element | None) -> list[Element]:
    """Child elements only: no comments, no processing instructions."""
    return [] if parent is None else [child for child in parent if isinstance(child.tag, str)]


def remove(element: Element) -> None:
    """Take ``element`` out of its parent and keep the indentation of what stays."""
    parent = element.getparent()
    if parent is None:
        return
    previous = element.getprevious()
    # The last child's tail indents the closing tag of the parent, so it must not vanish.
    if element.getnext() is None:
        if previous is not None:
            previous.tail = element.tail
        else:
            parent.text = None
    parent.remove(element)


def place(parent: Element, element: Element, after: tuple[str, ...] = ()) -> None:
    """Put ``element`` into ``parent`` behind the last child whose tag is in ``after``.

    Without such a child it becomes the last one.
    """
    depth = sum(1 for _ in parent.iterancestors()) + 1
    etree.indent(element, space=_INDENT, level=depth)
    siblings = children(parent)
    index = len(siblings)
    for number, sibling in enumerate(siblings):
        if sibling.tag in after:
            index = number + 1
    inner, outer = "\n" + _INDENT * depth, "\n" + _INDENT * (depth - 1)
    if not siblings:
        parent.text = inner
        element.tail = outer
        parent.append(element)
    elif index == len(siblings):
        siblings[-1].tail = inner
        element.tail = outer
        siblings[-1].addnext(element)
        siblings[-1].tail, element.tail = inner, outer
    else:
        element.tail = inner
        siblings[index].addprevious(element)
        element.tail = inner


def number(text: str | None, fallback: int = 0) -> int:
    """A number as libvirt prints it (decimal or 0x...), or ``fallback``."""
    try:
        return int(text or "", 0)
    except ValueError:
        return fallback
