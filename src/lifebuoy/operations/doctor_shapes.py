"""The documented shapes of what is told of a boot: docs/schema. The same from the command line and
over HTTP. Objects of JSON, but for enumerations within, which whoever writes JSON resolves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lifebuoy.doctor.report import Finding, Report, escaped
from lifebuoy.operations.diagnosis import Diagnosis
from lifebuoy.operations.shapes import Shape

if TYPE_CHECKING:  # a diagnosis needs nothing of a repair
    from lifebuoy.operations.repair import Repaired


def diagnosis(name: str, found: Diagnosis) -> Shape:
    """docs/schema/diagnose.json."""
    evidence, look = found.evidence, found.look
    return {
        "instance": name,
        "file": found.serial_log,
        "screen": {
            "state": look.found,
            "why": look.why,
            "width": look.screen.width,
            "height": look.screen.height,
            "font": look.screen.font,
            "lines": [escaped(line) for line in look.screen.lines],
        },
        "reached_login": evidence.reached_login,
        "login_seen_on": [
            place for place, verdict in evidence.verdicts.items() if verdict.reached_login
        ],
        "cause": evidence.cause
        and {
            "id": evidence.cause.pattern.id,
            "link": evidence.cause.pattern.link,
            "means": evidence.cause.pattern.means,
            "then": evidence.cause.pattern.then,
            "line": evidence.cause.line,
            "seen_on": evidence.seen_on(evidence.cause.pattern.id),
        },
        "signs": [
            {
                "id": sign.pattern.id,
                "line": sign.line,
                "seen_on": evidence.seen_on(sign.pattern.id),
            }
            for sign in evidence.signs
        ],
        "last_line": escaped(evidence.last_line),
    }


def self_check(name: str, report: Report) -> Shape:
    """docs/schema/self-check.json."""
    return {"instance": name, "report": report.as_json()}


def repaired(name: str, reached: Repaired) -> Shape:
    """docs/schema/repair.json."""
    return {
        "instance": name,
        "run": reached.run,
        "mended": list(reached.mended),
        "failed": [{"id": id_, "why": why} for id_, why in reached.failed],
        "report": reached.report.as_json(),
    }


def preview(
    name: str, repairs: Sequence[Finding], difference: Sequence[str], packages: Sequence[Shape]
) -> Shape:
    """docs/schema/repair-dry-run.json."""
    return {
        "dry_run": True,
        "instance": name,
        "repairs": [
            {"id": one.id, **one.repair.model_dump(mode="json")} for one in repairs if one.repair
        ],
        "difference": difference,
        "packages": packages,
    }
