"""The boot chain as it is drawn, at a terminal and in pages: how each link is, and how much is told
of what was found there. Pure, and without words of any language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lifebuoy.doctor.evidence import Evidence
from lifebuoy.doctor.report import Evidence as Fact
from lifebuoy.doctor.report import Finding, Health, Link, Report

MOST_EVIDENCE: Final = 5
MOST_PLAN: Final = 8


@dataclass(frozen=True, slots=True)
class Station:
    """One link of the chain. ``is_first_broken``: it is what the boot stops at.

    ``unfinished`` are checks that could not be done, in words; ``not_applicable`` are ids of those
    for other systems.
    """

    link: Link
    health: Health
    is_first_broken: bool = False
    findings: tuple[Finding, ...] = ()
    unfinished: tuple[str, ...] = ()
    not_applicable: tuple[str, ...] = ()


def of_report(report: Report) -> tuple[Station, ...]:
    """The chain as the doctor found it on the disks."""
    broken = next((one.link for one in report.chain if one.health is Health.BROKEN), None)
    return tuple(
        Station(
            one.link,
            one.health,
            one.link is broken,
            one.findings,
            one.unfinished,
            one.not_applicable,
        )
        for one in report.chain
    )


def of_evidence(evidence: Evidence) -> tuple[Station, ...]:
    """The chain as far as the boot is seen to have come; where nothing is known, not reached."""
    order = list(Link)
    if evidence.cause is not None:
        stopped = order.index(Link(evidence.cause.pattern.link))
    elif evidence.reached_login:
        stopped = order.index(Link.LOGIN) + 1
    else:
        stopped = 0
    broken = stopped if evidence.cause is not None else None
    return tuple(
        Station(
            link,
            Health.SOUND
            if place < stopped
            else Health.BROKEN
            if place == broken
            else Health.NOT_REACHED,
            place == broken,
        )
        for place, link in enumerate(order)
    )


def facts(finding: Finding) -> tuple[Fact, ...]:
    """The evidence that is told where there is little room."""
    return finding.evidence[:MOST_EVIDENCE]


def plan(finding: Finding) -> tuple[tuple[str, ...], int]:
    """What its repair does, as far as there is room, and how much more that is."""
    whole = finding.repair.plan if finding.repair else ()
    return whole[:MOST_PLAN], max(0, len(whole) - MOST_PLAN)
