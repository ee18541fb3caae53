"""The doctor's report at a terminal: the boot chain drawn, findings below their link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from lifebuoy.doctor import chain
from lifebuoy.doctor.chain import Station
from lifebuoy.doctor.report import Finding, Health, Report, Severity

_MARKS: Final = {
    Health.SOUND: ("●", "green"),
    Health.BROKEN: ("✗", "bold red"),
    Health.DOUBTFUL: ("?", "yellow"),
    Health.NOT_REACHED: ("○", "dim"),
}
_NAMES: Final = {
    Severity.STOPS_BOOT: "stops the boot",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}


def drawn(report: Report) -> Iterator[Text]:
    """The lines of the report, all of its texts already escaped."""
    system = report.system or "a system without a name"
    where = f"{system} on {report.root}" if report.root else "no root file system was found"
    yield Text(f"{', '.join(report.disks)}: {where} ({report.firmware})")
    yield Text()
    yield verdict(report)
    yield Text()
    stations = chain.of_report(report)
    for station in stations:
        yield from _link(station, last=station is stations[-1])


def verdict(report: Report) -> Text:
    """The headline."""
    first = report.first
    if first is None:
        return Text("Nothing was found that stops the boot.", "green")
    return Text(f"It does not boot: {first.seen}", "bold red")


def _link(link: Station, *, last: bool) -> Iterator[Text]:
    mark, style = _MARKS[link.health]
    name = link.link.replace("-", " ")
    yield Text.assemble(" ", (mark, style), f" {name:18} {link.health.replace('-', ' ')}")
    bar = " " if last else "│"
    for finding in link.findings:
        for line in _finding(finding):
            yield Text(f" {bar}     {line}")
    for line in link.unfinished:
        yield Text(f" {bar}     not examined to the end: {line}")
    for name in link.not_applicable:
        yield Text(f" {bar}     not applicable: {name}, for systems with dpkg")


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.id} ({_NAMES[finding.severity]}): {finding.seen}"
    yield f"  {finding.why}"
    for one in chain.facts(finding):
        offset = "" if one.offset is None else f" at byte {one.offset}"
        yield f"  {one.place}{offset}: {one.found}; expected: {one.expected}"
    if finding.repair is not None:
        yield from planned(finding)
    elif finding.by_hand:
        yield "  to do by hand:"
        for line in finding.by_hand:
            yield f"    {line}"


def planned(finding: Finding) -> Iterator[str]:
    """The lines of its repair; none where it has none."""
    if finding.repair is None:
        return
    yield f"  repair: {finding.repair.summary}"
    lines, more = chain.plan(finding)
    for line in lines:
        yield f"    - {line}"
    if more:
        yield f"    - and {more} more"
