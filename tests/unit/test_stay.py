"""The record of a stay: what goes in comes out, byte for byte, or it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from lifebuoy.errors import StayUnreadable
from lifebuoy.model import Phase, Stay
from lifebuoy.rescue.markup import text_of
from lifebuoy.rescue.stay import NAMESPACE, from_xml, to_element, to_xml

STAY = Stay(
    phase=Phase.RESCUE,
    session="0f3c",
    since="2026-01-02T03:04:05Z",
    was_running=True,
    autostart=False,
    image="debian-12",
    host_key="ssh-ed25519 AAAAC3Nz",
    original="<domain>\n  <name>a</name>\n</domain>\n",
    defined="<domain/>",
    volumes=("seed-1.iso", "vars-1.fd"),
)

# What XML can hold at all; a definition holds nothing else.
_XML_TEXT = st.text(
    alphabet=st.characters(
        codec="utf-8",
        exclude_categories=("Cs", "Cc"),
        include_characters="\t\n\r\x85\u2028",
        exclude_characters="\ufffe\uffff",
    )
)
_STAYS = st.builds(
    Stay,
    phase=st.sampled_from(Phase),
    session=_XML_TEXT,
    since=_XML_TEXT,
    was_running=st.booleans(),
    autostart=st.booleans(),
    image=_XML_TEXT,
    host_key=_XML_TEXT,
    original=_XML_TEXT,
    defined=_XML_TEXT,
    volumes=st.lists(_XML_TEXT, max_size=3).map(tuple),
)


def printed(stay: Stay) -> str:
    """The record as it stands in a definition that is printed."""
    return text_of(to_element(stay))


@given(_STAYS)
def test_a_stay_comes_back_byte_for_byte(stay: Stay) -> None:
    assert from_xml(printed(stay)) == stay


@given(_XML_TEXT)
def test_a_carried_text_survives_being_parsed_and_printed_inside_a_domain(text: str) -> None:
    stay = replace(STAY, original=text)
    domain = f"<domain>\n  <metadata>\n    {printed(stay)}\n  </metadata>\n</domain>"
    for _ in range(3):  # as libvirt does at each look
        root = etree.fromstring(domain.encode())
        domain = etree.tostring(root, encoding="unicode")
    element = etree.fromstring(domain.encode()).find(f"metadata/{{{NAMESPACE}}}rescue")
    assert element is not None
    assert from_xml(etree.tostring(element, encoding="unicode")) == stay


@pytest.mark.parametrize(
    "text",
    [
        "]]>",
        "\r\n\r",
        "\t leading and trailing \n\t",
        "<a b='\"'>&amp;&#13;</a>",
        "<!-- -- --><![CDATA[x]]>",
        "системный диск 系统盘 \U0001f6df",
    ],
)
def test_awkward_texts_come_back_byte_for_byte(text: str) -> None:
    stay = replace(STAY, original=text, defined=text, volumes=(text,))
    assert from_xml(printed(stay)) == stay


def test_the_element_reads_as_documented() -> None:
    root = etree.fromstring(printed(STAY).encode())
    assert root.tag == f"{{{NAMESPACE}}}rescue"
    assert root.prefix == "lifebuoy"
    assert dict(root.items()) == {
        "version": "1",
        "phase": "rescue",
        "session": "0f3c",
        "since": "2026-01-02T03:04:05Z",
        "running": "yes",
        "autostart": "no",
        "image": "debian-12",
        "host-key": "ssh-ed25519 AAAAC3Nz",
    }
    assert [etree.QName(child).localname for child in root] == [
        "original",
        "defined",
        "volume",
        "volume",
    ]


def test_a_search_for_elements_does_not_find_those_of_the_carried_definition() -> None:
    stay = replace(STAY, original="<domain><devices><disk/></devices></domain>")
    assert etree.fromstring(printed(stay).encode()).findall(".//disk") == []


def test_it_is_read_without_its_namespace_as_virDomainGetMetadata_returns_it() -> None:
    bare = printed(STAY).replace("lifebuoy:", "").replace(f' xmlns:lifebuoy="{NAMESPACE}"', "")
    assert to_xml(STAY) == bare
    assert "lifebuoy" not in bare
    assert from_xml(bare) == STAY


def test_a_record_of_a_newer_version_asks_for_that_version() -> None:
    with pytest.raises(StayUnreadable, match="newer") as caught:
        from_xml(printed(STAY).replace('version="1"', 'version="2"'))
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version="1"', 'version="0"'),
        ('version="1"', 'version="x"'),
        (' version="1"', ""),
        ('phase="rescue"', 'phase="lost"'),
        (' phase="rescue"', ""),
        (' session="0f3c"', ""),
        (' running="yes"', ' running="maybe"'),
        (' autostart="no"', ""),
        ("lifebuoy:original", "lifebuoy:other"),
        ("</lifebuoy:rescue>", ""),
        ("</lifebuoy:rescue>", "<lifebuoy:original>x</lifebuoy:original></lifebuoy:rescue>"),
        ("<lifebuoy:original>", "<lifebuoy:original><b/>"),
        ("lifebuoy:rescue", "lifebuoy:backup"),
    ],
)
def test_a_damaged_record_is_refused_never_guessed(old: str, new: str) -> None:
    text = printed(STAY)
    assert old in text
    with pytest.raises(StayUnreadable):
        from_xml(text.replace(old, new))


@pytest.mark.parametrize("text", ["", "no xml", "<a/>", "\ud800"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(StayUnreadable):
        from_xml(text)
