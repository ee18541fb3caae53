"""The report: as JSON of a fixed schema, within limits whatever the disk holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .describing import plan
from .distribution import Family
from .examining import headline
from .model import Evidence, Finding, LinkReport
from .naming import plain
from .patient import Patient
from .repairing import turn_of

SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """The chain, what was examined, and what it took."""

    chain: Sequence[LinkReport]
    disks: Sequence[str]
    root: str
    system: str
    firmware: str
    family: str
    seconds: float
    peak_memory_kib: int


def make(patient: Patient, chain: Sequence[LinkReport], seconds: float, peak_kib: int) -> Report:
    """The report on this patient."""
    return Report(
        chain,
        [disk.path for disk in patient.disks],
        patient.root.name if patient.root else "",
        system_name(patient),
        patient.firmware,
        patient.distribution.family.value if patient.tree else Family.OTHER.value,
        seconds,
        peak_kib,
    )


def peak_memory_kib() -> int:
    """The most memory that this program had; rusage would count what its caller had, too."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def system_name(patient: Patient) -> str:
    """What the system calls itself."""
    text = (patient.tree.text("/etc/os-release", 8192) if patient.tree else None) or ""
    for line in text.splitlines():
        if line.startswith("PRETTY_NAME="):
            return plain(line[12:].strip("\"'"), 100)
    return ""


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data, described by docs/schema/doctor.json."""
    first = headline(report.chain)
    return {
        "schema": SCHEMA,
        "headline": first.id if first else None,
        "system": report.system,
        "family": report.family,
        "root": report.root,
        "firmware": report.firmware,
        "disks": list(report.disks),
        "chain": [_link(link) for link in report.chain],
        "seconds": round(report.seconds, 2),
        "peak_memory_kib": report.peak_memory_kib,
    }


def _link(link: LinkReport) -> dict[str, Any]:
    return {
        "link": link.link.value,
        "health": link.health.value,
        "findings": [_finding(finding) for finding in link.findings],
        "unfinished": [plain(text) for text in link.unfinished],
        "not_applicable": list(link.not_applicable),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    repair = None
    if finding.repair is not None:
        repair = {
            "summary": plain(finding.repair.summary),
            "risk": finding.repair.risk.value,
            "turn": turn_of(finding),
            "plan": [plain(line, 2000) for line in plan(finding.repair)][:50],
        }
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "seen": plain(finding.seen),
        "why": plain(finding.why, 600),
        "evidence": [_evidence(one) for one in finding.evidence][:20],
        "repair": repair,
        "by_hand": [plain(line, 500) for line in finding.by_hand],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "place": plain(evidence.place),
        "offset": evidence.offset,
        "expected": plain(evidence.expected),
        "found": plain(evidence.found),
    }
