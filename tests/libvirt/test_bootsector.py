"""The boot sector that proves a processor."""

from __future__ import annotations

import pytest

from lifebuoy.hypervisor import bootsector


def test_it_is_a_boot_sector() -> None:
    sector = bootsector.boot_sector()
    assert len(sector) == 512 and sector.endswith(b"\x55\xaa")
    assert bootsector.DONE in sector and bootsector.WRONG in sector


def test_its_result_is_that_of_the_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootsector, "_ROUNDS", 7)
    monkeypatch.setattr(bootsector, "_STEPS", 11)
    value = 1
    for _ in range(77):
        value = (value * 1664525 + 1013904223) % 2**32
    assert bootsector.result() == value
