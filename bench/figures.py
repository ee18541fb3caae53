"""The arithmetic of a benchmark: summaries, paired ratios, goals. Pure; no clock, no I/O."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """What a series of values comes to; the unit is that of the values."""

    median: float
    minimum: float
    maximum: float
    count: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times ``subject`` takes what ``reference`` takes.

    ``ratios`` are round by round: both ran within the same minute, so that what else the machine
    did weighs on both. ``at_most`` is the goal for their median, None where there is none.
    """

    subject: str
    reference: str
    ratios: tuple[float, ...]
    at_most: float | None = None

    @property
    def summary(self) -> Summary:
        """What the ratios come to."""
        return summarise(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return None if self.at_most is None else self.summary.median <= self.at_most


def summarise(values: Sequence[float]) -> Summary:
    """Median, least and greatest of ``values``.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("nothing was measured")
    return Summary(statistics.median(values), min(values), max(values), len(values))


def paired(subject: Sequence[float], reference: Sequence[float]) -> tuple[float, ...]:
    """Ratios of the values measured in the same round.

    Raises:
        ValueError: the series are not of one length, or a reference took no time.
    """
    if any(value <= 0 for value in reference):
        raise ValueError("a reference must take time")
    return tuple(one / other for one, other in zip(subject, reference, strict=True))
