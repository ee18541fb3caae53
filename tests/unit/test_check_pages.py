"""The self-check's picture and pages: of what a guest says nothing becomes more than text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from starlette.requests import Request

from lifebuoy.doctor import bootlog, chain
from lifebuoy.doctor.evidence import weighed
from lifebuoy.doctor.patterns import PATTERNS
from lifebuoy.doctor.report import Health, Link, Origin, Plan, Report, Risk, Wanted, parse
from lifebuoy.guest.doctor.checks import registry
from lifebuoy.operations.checkups import Checkup, Shelf
from lifebuoy.web import check_words
from lifebuoy.web.chain import drawing
from lifebuoy.web.checking import MOST_FINDINGS, MOST_LINES, consent_is_needed
from lifebuoy.web.language import Language
from lifebuoy.web.language import words as words_of
from lifebuoy.web.render import text
from lifebuoy.web.saving import document, file_name, style
from tests.reading import english_on

TITLE: Final = "GRUB finds its modules in /boot"
TEXT: Final = st.text(max_size=60) | st.sampled_from(
    [
        "</style><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</svg></title></pre></details>",
        "{{ 7*7 }}{% include 'x' %}",
        "%(name)s %s <b>&amp;",
        "\x1b]0;x\x07\u202e",
        "javascript:alert(1)",
    ]
)


#: What pages look at of the server: whether there is a provider to sign in at.
_SIGNING: Final = SimpleNamespace(provider=None)
_APP: Final = SimpleNamespace(state=SimpleNamespace(serving=SimpleNamespace(signing=_SIGNING)))


def report_of(said: str, number: int = 1) -> Report:
    """A report in which every text that a guest may choose is ``said``."""
    finding: dict[str, Any] = {
        "id": "loader-grub-files",
        "severity": "stops-boot",
        "seen": said,
        "why": said,
        "evidence": [{"place": said, "offset": 7, "expected": said, "found": said}],
        "repair": {"summary": said, "risk": "low", "turn": 0, "plan": [said] * 9},
        "by_hand": [],
    }
    by_hand = finding | {"id": "made-up", "severity": "note", "repair": None, "by_hand": [said]}
    links: list[dict[str, Any]] = [
        {"link": link, "health": "sound", "findings": [], "unfinished": [], "not_applicable": []}
        for link in Link
    ]
    links[2] |= {"health": "broken", "findings": [finding] * number + [by_hand]}
    links[3] |= {"health": "doubtful", "unfinished": [said]}
    facts: dict[str, Any] = {"schema": 1, "headline": "loader-grub-files", "chain": links}
    facts |= {"system": said, "root": said, "firmware": "bios", "disks": [said]}
    return parse(json.dumps(facts | {"seconds": 1.0, "peak_memory_kib": 1}).encode(), "web1")


def request(language: str = "en") -> Request:
    headers = [(b"accept-language", language.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "app": _APP}
    return Request(scope)


def shown(report: Report, name: str = "web1", language: str = "en") -> str:
    """The part of the page with the report."""
    return text(
        request(language),
        "check_report.html",
        **known(name),
        checkup=Checkup("s", report, "2026-01-02T03:04:05.000Z"),
        report=report,
        outdated=True,
        drawing=drawing(chain.of_report(report)),
        todo=list(report.findings),
        most_findings=MOST_FINDINGS,
        may_check=True,
    )


def known(name: str) -> dict[str, Any]:
    base = "/instances/-/0"
    common = {"here_base": f"{base}/self-check", "check_words": check_words, "chain": chain}
    return {"name": name, "host": "-", "base": base, **common}


def previewed(said: str) -> str:
    wanted = Wanted(id="x", package=said, version=said, architecture=said, origin=Origin.REPOSITORY)
    plan = Plan(difference=(f"+{said}", f"-{said}", said) * 3, packages=(wanted,))
    return text(request(), "preview.html", **known(said), error=None, plan=plan, most=MOST_LINES)


def shape(page: str) -> Iterator[tuple[object, list[str]]]:
    """Its elements and their attributes, without what is said in them."""
    for element in html.document_fromstring(page).iter():
        yield element.tag, sorted(map(str, element.attrib))


@settings(max_examples=60, deadline=None)
@given(TEXT.filter(bool))
def test_what_a_guest_says_adds_no_element_and_no_attribute(said: str) -> None:
    made = "2026-01-02T03:04:05.000Z"
    for render in (
        lambda word: shown(report_of(word), word),
        lambda word: document(request("zh"), word, made, report_of(word)),
        lambda word: shown(report_of(f"the file system {word} cannot be mounted"), word, "zh"),
        previewed,
    ):
        assert list(shape(render(said))) == list(shape(render("x")))


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_a_saved_report_loads_nothing_and_runs_nothing(said: str) -> None:
    page = document(request(), said, "2026-01-02T03:04:05.000Z", report_of(said))
    root = html.document_fromstring(page)
    for element in root.iter():
        assert element.tag not in {"script", "link", "img", "iframe", "object", "base", "form"}
        for name, value in attributes(element):
            assert name not in {"src", "srcset", "style", "action"} and not name.startswith("on")
            assert name != "href" or value.startswith("#")
            assert name != "http-equiv" or element.get("content", "").startswith("default-src 'no")
    assert page.count("http-equiv") == 1 or "http-equiv" in said
    assert "url(" not in style() and "@import" not in style()
    assert [one.text for one in root.iter("style")] == [style()] == [escape(style())]


def attributes(element: html.HtmlElement) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in element.attrib.items()]


def doctors(finding: dict[str, Any]) -> Report:
    """A report with this finding of the root file system."""
    raw = json.loads(report_of("x").model_dump_json(by_alias=True, exclude={"done"}))
    for link in raw["chain"]:
        link |= {"health": "sound", "findings": [], "unfinished": []}
    raw["chain"][5] |= {"health": "broken", "findings": [finding]}
    return parse(json.dumps(raw | {"headline": finding["id"]}).encode(), "web1")


def test_what_the_doctor_finds_and_does_is_told_in_the_language_of_the_page() -> None:
    report = doctors(
        {
            "id": "root-fstab",
            "severity": "stops-boot",
            "seen": "/etc/fstab line 3 names UUID=1-2, which no disk has",
            "why": "The boot waits for it, then stops in emergency mode.",
            "evidence": [
                {
                    "place": "/etc/fstab line 3",
                    "offset": 80,
                    "expected": "a volume that is there, or nofail",
                    "found": "UUID=1-2 /data ext4 defaults is missing here",
                }
            ],
            "repair": {
                "summary": "make the line a comment",
                "risk": "none",
                "turn": 2,
                "plan": ["write /etc/fstab (181 bytes, the old one kept beside it)"],
            },
            "by_hand": ["edit /etc/fstab: correct the line, or add nofail to its options"],
        }
    )
    for page in (shown(report, language="zh-CN"), document(request("zh-CN"), "web1", "", report)):
        for told in (
            "/etc/fstab 第 3 行指定了 UUID=1-2，而任何磁盘上都没有",
            "启动时会等待它，然后停在紧急模式。",
            "将该行改为注释",
            "写入 /etc/fstab（181 字节，旧文件保留在旁边）",
            "UUID=1-2 /data ext4 defaults is missing here",  # as the machine has it
        ):
            assert told in page, told
        assert english_on(page.replace("UUID=1-2 /data ext4 defaults is missing here", "")) == []
    english = shown(report)
    assert "which no disk has" in english and "第" not in english


def test_a_huge_report_is_no_huge_page() -> None:
    report = report_of("<" * 6_000, 40)
    assert len(shown(report)) < 1 << 20
    many = report_of("x", MOST_FINDINGS + 20)
    assert shown(many).count('<details class="finding') == MOST_FINDINGS
    assert "more findings than are shown" in shown(many)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_picture_says_in_words_what_it_shows(language: str) -> None:
    page = document(request(language), "web1", "", report_of("x"))
    labels = [
        attributes["aria-label"]
        for element in html.document_fromstring(page).iter("a", "g")
        if "aria-label" in (attributes := element.attrib)
    ]
    wanted = {"en": "Boot loader: broken", "zh-CN": "引导程序: 损坏"}
    assert len(labels) == len(Link) and labels[2] == wanted[language]
    assert page.count('class="station broken first"') == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(Health), min_size=10, max_size=10))
def test_links_are_drawn_below_each_other_and_the_first_broken_one_is_the_largest(
    healths: list[Health],
) -> None:
    first = healths.index(Health.BROKEN) if Health.BROKEN in healths else None
    stations = [
        chain.Station(link, health, place == first)
        for place, (link, health) in enumerate(zip(Link, healths, strict=True))
    ]
    made = drawing(stations)
    for before, node in zip(made.nodes, made.nodes[1:], strict=False):
        assert node.top - node.bar == before.y + before.radius and node.bar > 0
    assert made.nodes[0].top > 0 and made.nodes[-1].y + made.nodes[-1].radius < made.height
    largest = [node for node in made.nodes if node.radius == max(one.radius for one in made.nodes)]
    assert (len(largest) == 1 and largest[0].station.is_first_broken) or first is None


def test_a_boot_that_was_seen_is_drawn_as_far_as_it_came() -> None:
    def healths(said: bytes) -> list[Health]:
        return [one.health for one in chain.of_evidence(weighed(bootlog.read(said), None))]

    sound, broken, unknown = Health.SOUND, Health.BROKEN, Health.NOT_REACHED
    assert healths(b"GRUB loading.\nerror: unknown filesystem.\ngrub rescue> ") == [
        *[sound] * 2,
        broken,
        *[unknown] * 7,
    ]
    assert healths(b"Linux version 6.1\nweb1 login: ") == [sound] * 9 + [unknown]
    assert healths(b"nothing that is known") == [unknown] * 10
    for pattern in PATTERNS:
        assert Link(pattern.link)


def test_the_words_are_those_of_the_checks_and_the_patterns() -> None:
    assert {check.ID: check.TITLE for check in registry()} == check_words.CHECKS
    assert {one.id: one.means for one in PATTERNS} == check_words.MEANS
    assert set(check_words.NEXT) == {one.then for one in PATTERNS}
    for words, kinds in (
        (check_words.LINKS, Link),
        (check_words.HEALTHS, Health),
        (check_words.PASSED, Health),
        (check_words.ORIGINS, Origin),
    ):
        assert set(words) == set(kinds)


def test_what_is_of_high_risk_or_of_unknown_risk_needs_consent() -> None:
    (low,) = (one for one in report_of("x").findings if one.repair)
    assert low.repair is not None
    high = low.model_copy(update={"repair": low.repair.model_copy(update={"risk": Risk.HIGH})})
    assert not consent_is_needed([low], ()) and not consent_is_needed([low], (low.id,))
    assert consent_is_needed([high], (high.id,))
    assert consent_is_needed([], (low.id,)) and consent_is_needed([low], (low.id, "other"))


def test_a_step_of_a_repair_is_called_by_what_is_checked() -> None:
    chinese = words_of(Language.CHINESE).gettext
    assert check_words.step(chinese, "mend loader-grub-files").startswith("修复 loader-grub-files")
    assert check_words.step(str, "mend loader-grub-files").endswith(TITLE)
    assert check_words.step(chinese, "look again") == "重新检测"
    assert check_words.step(str, "mend <what> nobody knows") == "mend <what> nobody knows"


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_a_saved_file_has_a_plain_name(name: str) -> None:
    found = file_name(name, "2026-01-02T03:04:05.000Z", "html")
    assert found.isascii() and found.endswith("-20260102T030405.html")
    assert not set(found) & set('/\\"\r\n;') and not found.startswith(".")


def test_reports_are_kept_within_a_limit_and_the_oldest_go() -> None:
    one = report_of("x")
    size = len(one.model_dump_json())
    shelf = Shelf(most_bytes=3 * size)
    shelf.put(("d", "under way"), Checkup("s", one, began="now"))
    for number in range(20):
        shelf.put(("d", str(number)), Checkup("s", report_of("x")))
    kept = [number for number in range(20) if shelf.get(("d", str(number)))]
    assert kept == [18, 19] and shelf.under_way == 1
    assert shelf.get(("d", "under way"))
    large = report_of("x" * 1000)
    shelf.put(("d", "large"), Checkup("s", large))
    assert shelf.get(("d", "large")) and not shelf.get(("d", "19"))
