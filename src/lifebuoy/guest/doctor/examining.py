"""Runs the checks over the patient and puts their findings on the chain."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from . import selinux
from .checks import registry
from .model import Check, Dpkg, Finding, Health, Link, LinkReport, Severity
from .patient import Patient

LIMIT_S = 180  # of one check; every file of a large system is read in a third of that
MOST_FINDINGS = 40  # of one check; a disk with more is described well enough by these


def examine(
    patient: Patient,
    *,
    checks: Sequence[Check] | None = None,
    limit_s: float = LIMIT_S,
    progress: Callable[[str], None] = lambda title: None,
) -> list[LinkReport]:
    """The state of every link, in the order of the boot; ``limit_s`` is for each check."""
    found: dict[Link, list[Finding]] = {link: [] for link in Link}
    unfinished: dict[Link, list[str]] = {link: [] for link in Link}
    passed_over: dict[Link, list[str]] = {link: [] for link in Link}
    unreached: set[Link] = set()
    for check in registry() if checks is None else checks:
        if check.NEEDS_ROOT and patient.tree is None:
            unreached.add(check.LINK)
            continue
        if not _is_applicable(check, patient):
            passed_over[check.LINK].append(check.ID)
            continue
        progress(check.TITLE)
        findings, failure = _run(check, patient, limit_s)
        for finding in findings:
            found[finding.link].append(selinux.with_labels(patient, finding))
        if failure:
            unfinished[check.LINK].append(failure)
    return [
        replace(
            _judged(link, found[link], unfinished[link], link in unreached),
            not_applicable=tuple(passed_over[link]),
        )
        for link in Link
    ]


def _is_applicable(check: Check, patient: Patient) -> bool:
    """Whether the system has what the check is about."""
    if check.DPKG is not Dpkg.NEEDED or patient.tree is None:
        return True
    return patient.distribution.has_dpkg


def timings(patient: Patient) -> list[tuple[str, float]]:
    """Seconds that each check takes, the slowest first."""
    taken = []
    for check in registry():
        if check.NEEDS_ROOT and patient.tree is None:
            continue
        start = time.monotonic()
        _run(check, patient, LIMIT_S)
        taken.append((check.ID, time.monotonic() - start))
    return sorted(taken, key=lambda one: -one[1])


class _TookTooLong(Exception):
    pass


def _run(check: Check, patient: Patient, limit_s: float) -> tuple[list[Finding], str]:
    """A check that fails or hangs is a gap in the report, never the end of the examination."""
    findings: list[Finding] = []
    try:
        with _limited(limit_s):
            for finding in check.examine(patient):
                findings.append(finding)
                if len(findings) >= MOST_FINDINGS:
                    break
    except _TookTooLong:
        return findings, f"{check.ID}: not done within {limit_s:.0f} s"
    except Exception as failure:
        last = traceback.extract_tb(failure.__traceback__)[-1]
        where = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
        return findings, f"{check.ID}: {type(failure).__name__} at {where}: {failure}"[:300]
    return findings, ""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises _TookTooLong in the block after so long; for the main thread alone."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, every)
        signal.signal(signal.SIGALRM, before)


def _judged(
    link: Link, findings: Sequence[Finding], unfinished: Sequence[str], unreached: bool
) -> LinkReport:
    severities = {finding.severity for finding in findings}
    if Severity.STOPS_BOOT in severities:
        health = Health.BROKEN
    elif unreached:
        health = Health.NOT_REACHED
    elif Severity.WARNING in severities or unfinished:
        health = Health.DOUBTFUL
    else:
        health = Health.SOUND
    order = [Severity.STOPS_BOOT, Severity.WARNING, Severity.NOTE]
    ranked = sorted(findings, key=lambda finding: order.index(finding.severity))
    return LinkReport(link, health, tuple(ranked), tuple(unfinished))


def findings(chain: Iterable[LinkReport]) -> list[Finding]:
    """All findings, first link first."""
    return [finding for link in chain for finding in link.findings]


def headline(chain: Iterable[LinkReport]) -> Finding | None:
    """The first finding that stops the boot."""
    stopping = [one for one in findings(chain) if one.severity is Severity.STOPS_BOOT]
    return stopping[0] if stopping else None
