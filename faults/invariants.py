"""What must hold after every fault: decided on facts alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Final

from faults.observation import Facts, Shape

_COPY: Final = re.compile(r"-copy\.(img|qcow2)$")
_RANDOM: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8,}|-\d+(?=\.json)"
)


def broken(now: Facts, allowed: Collection[Facts], origin: Facts) -> list[str]:
    """What does not hold, in words; ``allowed`` are facts of runs without a fault."""
    fitting = [one for one in allowed if one.shape == now.shape]
    found = [] if fitting else [_differences(now.shape, [one.shape for one in allowed])]
    if now.definition != origin.definition:
        found.append("the definition is another")
    if not now.shape.stay and now.autostart != origin.autostart:
        found.append("the autostart flag is another")
    expected = 1 if now.shape.running else 0
    if now.machines != expected:
        found.append(f"{now.machines} QEMU processes instead of {expected}")
    if now.programs:
        found.append(f"still running: {', '.join(now.programs)}")
    if now.forwards:
        found.append(f"forwarded: {now.forwards}")
    if now.unfinished:
        found.append(f"without an outcome: {', '.join(now.unfinished)}")
    return found + _files(now, fitting or list(allowed))


def _files(now: Facts, allowed: Iterable[Facts]) -> list[str]:
    """What is there beside, or missing from, the files of the run that fits best."""
    seen = _plain(now.files)
    best = min(
        ((seen - other, other - seen) for other in (_plain(one.files) for one in allowed)),
        key=lambda pair: pair[0].total() + pair[1].total(),
    )
    left, missing = (sorted(one.elements()) for one in best)
    found = [f"left behind: {', '.join(left)}"] if left else []
    return found + ([f"missing: {', '.join(missing)}"] if missing else [])


def _plain(names: Iterable[str]) -> Counter[str]:
    """Names without what differs from run to run.

    A copy's format does, too: of an instance that was killed before, it is the disk's own.
    """
    return Counter(_COPY.sub("-copy.*", _RANDOM.sub("*", name)) for name in names)


def _differences(now: Shape, allowed: list[Shape]) -> str:
    told: list[str] = []
    mine = asdict(now)
    for other in allowed:
        theirs = asdict(other)
        parts = [
            f"{key} {mine[key]!r}, not {theirs[key]!r}" for key in mine if mine[key] != theirs[key]
        ]
        told.append("; ".join(parts))
    return "neither as before nor as asked: " + " | ".join(dict.fromkeys(told))
