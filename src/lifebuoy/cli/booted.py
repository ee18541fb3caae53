"""What was seen of a boot, as several commands tell it."""

from __future__ import annotations

from dataclasses import asdict

from lifebuoy.operations.boot import BootReport


def as_json(report: BootReport) -> dict[str, object]:
    """The documented shape: docs/schema/boot.json."""
    return asdict(report) | {"seconds": round(report.seconds, 1)}
