"""The boot chain as a picture: where its links are drawn. Pure; ``chain.html`` draws them.

From top to bottom, so that it fits on a phone; what the boot stops at is larger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lifebuoy.doctor.chain import Station

WIDTH: Final = 320
_CENTRE: Final = 30
_ROW: Final = 38
_LARGE_ROW: Final = 84
_RADIUS: Final = 10
_LARGE_RADIUS: Final = 22


@dataclass(frozen=True, slots=True)
class Node:
    """A link as a circle around (x, y), in units of the picture. ``bar`` is the length of the line
    from the circle before it, 0 for the first."""

    station: Station
    x: int
    y: int
    radius: int
    bar: int

    @property
    def top(self) -> int:
        """Where the line from the one before ends."""
        return self.y - self.radius


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture."""

    width: int
    height: int
    nodes: tuple[Node, ...]


def drawing(stations: Iterable[Station]) -> Drawing:
    """The picture of these links."""
    nodes: list[Node] = []
    edge, below = 0, 0
    for station in stations:
        large = station.is_first_broken
        row, radius = (_LARGE_ROW, _LARGE_RADIUS) if large else (_ROW, _RADIUS)
        y = edge + row // 2
        bar = y - radius - below if nodes else 0
        nodes.append(Node(station, _CENTRE, y, radius, bar))
        edge, below = edge + row, y + radius
    return Drawing(WIDTH, edge, tuple(nodes))
