"""What a repair would change, and where each package that it needs would come from: a dry run.

Nothing is downloaded, and nothing written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import describing, repairing, report
from .change import FromPackage
from .model import Finding
from .naming import plain
from .packages.deb import Origin, Sources
from .patient import Patient

LONGEST = 2000
_WORDS = {
    Origin.CACHE: "from the system's own cache",
    Origin.GIVEN: "from the packages that were given",
    Origin.REPOSITORY: "to be downloaded from the system's repositories",
    Origin.UNLISTED: "to be asked for at the system's repositories; its lists do not have it",
    Origin.NOWHERE: "from nowhere: give it with --packages",
}


@dataclass
class Plan:
    """``difference`` are its lines; ``origins`` of the packages, and after which line each goes."""

    difference: list[str] = field(default_factory=list)
    origins: list[tuple[int, str, FromPackage, Origin]] = field(default_factory=list)


def make(wish: repairing.Wish, patient: Patient, found: Iterable[Finding]) -> Plan:
    """The plan for those of the findings that would be mended."""
    sources = Sources(wish.folders, wish.network, patient.work)
    plan = Plan()
    for finding in found:
        if finding.repair is None or not repairing.is_wanted(finding, wish):
            continue
        plan.difference.append(f"{finding.id}: {plain(finding.repair.summary)}")
        for change in finding.repair.changes:
            lines = describing.diff(change, patient.tree)
            plan.difference += [f"  {plain(line, LONGEST)}" for line in lines]
            if isinstance(change, FromPackage) and patient.tree is not None:
                origin = sources.origin(change, patient.tree)
                plan.origins.append((len(plan.difference), finding.id, change, origin))
    return plan


def as_text(plan: Plan) -> str:
    """For people."""
    lines = list(plan.difference)
    for at, _, _, origin in reversed(plan.origins):
        lines.insert(at, f"      {_WORDS[origin]}")
    return "".join(f"{line}\n" for line in lines)


def as_json(plan: Plan) -> str:
    """For programs."""
    packages = [
        {
            "id": id_,
            "package": plain(change.package),
            "version": plain(change.version),
            "architecture": plain(change.architecture),
            "origin": origin.value,
        }
        for _, id_, change, origin in plan.origins
    ]
    made = {"schema": report.SCHEMA, "difference": plan.difference, "packages": packages}
    return json.dumps(made, indent=2) + "\n"
