"""What comes out of a rescue system is taken in strictly: a report within limits, or an error."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lifebuoy.cli import boot_chain
from lifebuoy.doctor.report import MOST_BYTES, Link, Report, escaped, parse, parse_runs
from lifebuoy.errors import GuestReportUnusable
from lifebuoy.guest.doctor import model
from lifebuoy.guest.doctor import report as guest_report
from lifebuoy.guest.doctor.change import MakeLink
from tests.libvirt.command import validated

_FINDING: Final = model.Finding(
    "base-merged-usr",
    model.Link.BASE_SYSTEM,
    model.Severity.STOPS_BOOT,
    "/lib64 is gone",
    "no program can be loaded without it",
    (model.Evidence("/lib64", "a link to usr/lib64", "nothing", 7),),
    model.Repair("make the link", (MakeLink("/lib64", "usr/lib64"),), model.Risk.LOW),
    ("ln -s usr/lib64 /mnt/vm1/lib64",),
)


def said() -> dict[str, Any]:
    """What the doctor says of a system without /lib64, made by the doctor's own code."""
    broken = model.LinkReport(model.Link.BASE_SYSTEM, model.Health.BROKEN, (_FINDING,), ("x",))
    sound = {link: model.LinkReport(link, model.Health.SOUND) for link in model.Link}
    chain = list((sound | {model.Link.BASE_SYSTEM: broken}).values())
    made = guest_report.Report(
        chain, ["/dev/vda"], "/dev/vda1", "Debian", "bios", "debian", 1.25, 4096
    )
    return guest_report.as_json(made)


def taken(value: object) -> Report:
    return parse(json.dumps(value).encode(), "web1")


def test_what_the_doctor_says_is_what_the_host_has() -> None:
    report = taken(said())
    assert report.as_json() == said()
    assert report.first is not None and report.first.id == "base-merged-usr"
    assert [link.link for link in report.chain] == [link.value for link in model.Link]
    validated(json.dumps({"instance": "web1", "report": report.as_json()}), "self-check")


def test_what_a_repair_did_is_taken_in_too() -> None:
    done = {"run": "20260102T030405Z-ab12", "mended": ["a"], "failed": [], "undo": "/var/x"}
    report = taken(said() | {"repair": done})
    assert report.done is not None and report.done.mended == ("a",)
    assert report.as_json()["repair"] == done


def test_the_chain_is_drawn_with_its_findings_below_their_link() -> None:
    lines = [line.plain for line in boot_chain.drawn(taken(said()))]
    assert lines[0] == "/dev/vda: Debian on /dev/vda1 (bios)"
    assert lines[2] == "It does not boot: /lib64 is gone"
    at = next(n for n, line in enumerate(lines) if line.startswith(" ✗ base system"))
    assert lines[at].split()[-1] == "broken"
    below = "\n".join(lines[at + 1 :])
    for text in ("base-merged-usr (stops the boot)", "at byte 7", "repair: make the link"):
        assert text in below
    assert sum(line.startswith(" ●") for line in lines) == len(Link) - 1


CONTRADICTIONS: Final[dict[str, Any]] = {
    "another version": {"schema": 2},
    "no version": {"schema": None},
    "a headline that no finding bears out": {"headline": None},
    "too few links": {"chain": []},
    "a number where text is expected": {"system": 7},
    "text where a number is expected": {"seconds": "1"},
    "no number": {"seconds": float("nan")},
    "a number without end": {"peak_memory_kib": 10**400},
    "an id that is an option": {"headline": "--undo"},
    "a run that is a path": {"repair": {"run": "../x", "mended": [], "failed": [], "undo": ""}},
}


@pytest.mark.parametrize("change", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_report_is_refused_for(change: dict[str, Any]) -> None:
    with pytest.raises(GuestReportUnusable) as caught:
        taken(said() | change)
    assert "'web1'" in caught.value.message and caught.value.code == "guest-report-unusable"


@pytest.mark.parametrize("health", ["sound", "doubtful", "not-reached"])
def test_a_broken_link_cannot_be_called(health: str) -> None:
    lie = said()
    lie["chain"][6]["health"] = health
    with pytest.raises(GuestReportUnusable):
        taken(lie)


def test_links_in_another_order_are_no_chain() -> None:
    lie = said()
    lie["chain"].reverse()
    with pytest.raises(GuestReportUnusable):
        taken(lie)


WIDE: Final = {
    "too long": b" " * (MOST_BYTES + 1),
    "a list without end": b'{"chain":[' + b"1," * (MOST_BYTES // 2 - 100) + b"1]}",
    "names without end": b"{" + b",".join(b'"%x":1' % n for n in range(300_000)) + b"}",
    "deeper than any stack": b"[" * (MOST_BYTES - 1),
    "bad at every depth": json.dumps(
        {"chain": [{"findings": [{"evidence": [1] * 20}] * 1000}] * 10}
    ).encode(),
}


@pytest.mark.timeout(120)  # each takes a second or two; what a list of its errors would take: more
@pytest.mark.parametrize("raw", WIDE.values(), ids=WIDE)
def test_a_flood_is_refused_soon(raw: bytes) -> None:
    with pytest.raises(GuestReportUnusable) as caught:
        parse(raw, "web1")
    assert len(caught.value.message) < 1000


@given(st.binary(max_size=4000))
def test_any_bytes_are_refused_or_taken_never_a_crash(raw: bytes) -> None:
    for reading in (parse, parse_runs):
        try:
            reading(raw, "web1")
        except GuestReportUnusable as error:
            assert error.message.isprintable()


_ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
def test_a_report_with_anything_anywhere_is_refused_or_fit_for_a_terminal(
    data: st.DataObject,
) -> None:
    value = deepcopy(said())
    at: Any = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            at[key] = data.draw(_ANYTHING)
            break
        at = at[key]
    try:
        report = taken(value)
    except GuestReportUnusable as error:
        assert error.message.isprintable()
        return
    assert all(text.isprintable() for text in texts(report))
    assert all(line.plain.isprintable() for line in boot_chain.drawn(report))


def test_what_would_command_a_terminal_is_shown_escaped() -> None:
    assert escaped("a\x1b[2J\x07\u202e\x9b\nb\tc é 系") == "a\\x1b[2J\\x07\\u202e\\x9b\\x0ab c é 系"
    loud = said() | {"system": "Debian\x1b]0;title\x07"}
    assert taken(loud).system == "Debian\\x1b]0;title\\x07"


def texts(value: object) -> list[str]:
    """Every text in a report."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, BaseModel):
        return [text for name in type(value).model_fields for text in texts(getattr(value, name))]
    if isinstance(value, tuple):
        return [text for one in value for text in texts(one)]
    return []
