"""Which breakages are put together on a disk, and which of them are tried today.

Every day another breakage of each link of the chain, on another kind of guest once a link has been
gone through: nine breakages or more a day, and all of them within weeks. One of a day's disks is
booted when it is mended.

At most four share a boot, of different links and none in another's way. Each must be among what was
mended, so none hides behind another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from lab.breakage import registry
from lab.layout import Layout
from lab.recipe import Where
from lifebuoy.guest.doctor import checks
from lifebuoy.guest.doctor.model import Link
from tests import rotating

MOST_TOGETHER: Final = 4
#: the one removes what the other changes
_CLASHES: Final = tuple(
    frozenset(pair)
    for pair in (
        ("shadow_open", "shadow_gone"),
        ("shadow_open", "passwd_shadow_gone"),
        *(
            ("kernel_initramfs_gone", f"initramfs_{fault}")
            for fault in ("corrupt", "gone", "truncated", "without_driver")
        ),
    )
)
_LINKS: Final = {check.ID: check.LINK for check in checks.registry()}


@dataclass(frozen=True)
class Boot:
    """A guest of this layout, broken in these ways, in this order."""

    layout: Layout
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.layout}-{'+'.join(self.names)}"


def link_of(name: str) -> Link:
    """The link of the chain that the breakage breaks."""
    return _LINKS[registry()[name].finding]


def layouts(day: int) -> tuple[Layout, ...]:
    """The guests of one day: each takes minutes to build where it is not there yet."""
    return (Layout.BIOS, Layout.UEFI if day % 2 else Layout.LVM)


def sample(day: int) -> list[Boot]:
    """The boots of one day."""
    chosen: dict[Layout, list[str]] = {}
    for link in Link:
        homes = {
            name: [one for one in layouts(day) if one in breakage.layouts]
            for name, breakage in registry().items()
            if link_of(name) is link
        }
        names = [name for name, its in homes.items() if its]
        if not names:
            continue
        turn = day // 2  # it has had the same layouts so often before
        name = names[turn % len(names)]
        layout = homes[name][turn // len(names) % len(homes[name])]
        chosen.setdefault(layout, []).append(name)
    return [boot for layout, names in chosen.items() for boot in _packed(layout, names)]


def today() -> list[Boot]:
    """The sample of this run."""
    return sample(rotating.day())


def todays(layout: Layout) -> tuple[pytest.MarkDecorator, ...]:
    """The marks of a test of that layout: slow where it is none of today's."""
    return () if layout in layouts(rotating.day()) else (pytest.mark.slow,)


def everything(layout: Layout) -> list[Boot]:
    """All breakages of a layout."""
    names = [name for name, one in registry().items() if layout in one.layouts]
    return list(_packed(layout, names))


def each_once() -> list[Boot]:
    """Every breakage on one of the layouts that it can break, in turn."""
    homes: dict[Layout, list[str]] = {layout: [] for layout in Layout}
    for number, (name, breakage) in enumerate(registry().items()):
        layouts = [one for one in Layout if one in breakage.layouts]
        homes[layouts[number % len(layouts)]].append(name)
    return [boot for layout, names in homes.items() for boot in _packed(layout, names)]


def _packed(layout: Layout, names: Sequence[str]) -> Iterator[Boot]:
    """Names parted so that each boot has few, of different links, and none that clash.

    Those of the links that have most come first, so that the others fill up.
    """
    links = [link_of(name) for name in names]
    boots: list[list[str]] = []
    for name in sorted(names, key=lambda name: -links.count(link_of(name))):
        for boot in boots:
            if len(boot) < MOST_TOGETHER and not any(_clash(name, other) for other in boot):
                boot.append(name)
                break
        else:
            boots.append([name])
    for boot in boots:
        yield Boot(layout, tuple(sorted(boot, key=_order)))


def _clash(one: str, other: str) -> bool:
    return link_of(one) is link_of(other) or frozenset((one, other)) in _CLASHES


def _order(name: str) -> int:
    """What leaves no room or no file system to break comes last."""
    unmounted = registry()[name].where is Where.UNMOUNTED
    return 2 if unmounted else 1 if name == "root_full" else 0
