"""The report for a terminal: the chain drawn, the headline first, findings below their link."""

from __future__ import annotations

from collections.abc import Iterator

from .describing import plan
from .examining import headline
from .model import Finding, Health, LinkReport, Severity
from .naming import plain
from .report import Report

_MARK = {
    Health.SOUND: ("●", "32"),
    Health.BROKEN: ("✗", "31;1"),
    Health.DOUBTFUL: ("?", "33"),
    Health.NOT_REACHED: ("○", "2"),
}
_NAME = {Severity.STOPS_BOOT: "stops the boot", Severity.WARNING: "warning", Severity.NOTE: "note"}


def draw(report: Report, *, colour: bool) -> str:
    """The whole report, lines ending in a line feed."""
    return "\n".join(_lines(report, colour)) + "\n"


def _lines(report: Report, colour: bool) -> Iterator[str]:
    first = headline(report.chain)
    system = report.system or "a system without a name"
    where = f"{system} on {report.root}" if report.root else "no root file system was found"
    yield f"{', '.join(plain(disk) for disk in report.disks)}: {where} ({report.firmware})"
    yield ""
    if first is None:
        yield _painted("Nothing was found that stops the boot.", "32", colour)
    else:
        yield _painted(f"It does not boot: {plain(first.seen)}", "31;1", colour)
    yield ""
    for number, link in enumerate(report.chain):
        yield from _link(link, colour, last=number == len(report.chain) - 1)


def _link(link: LinkReport, colour: bool, *, last: bool) -> Iterator[str]:
    mark, paint = _MARK[link.health]
    words = link.health.value.replace("-", " ")
    yield f" {_painted(mark, paint, colour)} {link.link.value.replace('-', ' '):18} {words}"
    bar = " " if last else "│"
    for finding in link.findings:
        for text in _finding(finding):
            yield f" {bar}     {text}"
    for text in link.unfinished:
        yield f" {bar}     not examined to the end: {plain(text)}"
    for name in link.not_applicable:
        yield f" {bar}     not applicable: {name}, for systems with dpkg"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.id} ({_NAME[finding.severity]}): {plain(finding.seen)}"
    yield f"  {plain(finding.why, 600)}"
    for one in finding.evidence[:5]:
        offset = "" if one.offset is None else f" at byte {one.offset}"
        yield f"  {plain(one.place)}{offset}: {plain(one.found)}; expected: {plain(one.expected)}"
    if finding.repair is not None:
        yield f"  repair: {plain(finding.repair.summary)}"
        for text in plan(finding.repair)[:8]:
            yield f"    - {plain(text)}"
    elif finding.by_hand:
        yield "  to do by hand:"
        for text in finding.by_hand:
            yield f"    {plain(text)}"


def _painted(text: str, paint: str, colour: bool) -> str:
    return f"\x1b[{paint}m{text}\x1b[0m" if colour else text
