"""The benchmark's arithmetic and record; what takes seconds is measured, not tested."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from bench import appliance, diagnosis, load, report
from bench.figures import Comparison, Summary, paired, summarise
from bench.machine import Machine

MACHINE = Machine("a processor", 2, "6.1", "9.0.0", "7.2.0", "guestfish 1.48", "tcg", "no KVM")


def round_of(*, boot: float, guestfish: float, floor: float) -> report.Round:
    return report.Round(
        floor=floor,
        guestfish=guestfish,
        virt_rescue=guestfish + 2,
        enter_to_login=boot + 0.5,
        boot_to_login=boot,
        exit_to_first_line=1.0,
        busy={"floor": 0.02},
        enter_steps={"start the rescue system": 0.2},
        exit_steps={},
    )


RUN = report.Run(
    "2026-01-31T12:00:00Z",
    MACHINE,
    200 * report.MIB,
    0.25,
    (
        round_of(boot=8, guestfish=10, floor=2),
        round_of(boot=20, guestfish=16, floor=4),
        round_of(boot=9, guestfish=10, floor=1),
    ),
)


def test_a_summary_is_the_median_and_the_extremes() -> None:
    assert summarise([3, 1, 2]) == Summary(2, 1, 3, 3)
    assert summarise([4, 1, 2, 3]) == Summary(2.5, 1, 4, 4)


def test_nothing_measured_has_no_summary() -> None:
    with pytest.raises(ValueError):
        summarise([])


def test_ratios_are_taken_within_each_round() -> None:
    # The second round ran on a busy machine: its ratio counts, not its seconds.
    assert paired([8, 20, 9], [10, 16, 10]) == (0.8, 1.25, 0.9)
    with pytest.raises(ValueError):
        paired([1, 2], [1])
    with pytest.raises(ValueError):
        paired([1], [0])


def test_a_goal_is_met_by_the_median_ratio() -> None:
    assert Comparison("a", "b", (0.8, 1.25, 0.9), at_most=1.0).met is True
    assert Comparison("a", "b", (0.8, 1.25, 1.1), at_most=1.0).met is False
    assert Comparison("a", "b", (0.8,)).met is None


def test_the_record_holds_figures_ratios_and_every_round() -> None:
    found = json.loads(json.dumps(report.record(RUN)))
    assert found["seconds"]["boot_to_login"] == {
        "median": 9,
        "minimum": 8,
        "maximum": 20,
        "count": 3,
    }
    goals = {one["reference"]: one["met"] for one in found["ratios"] if one["at_most"]}
    assert goals == {"guestfish": True, "floor": False}
    assert [one["floor"] for one in found["rounds"]] == [2, 4, 1]
    assert found["image"]["mib"] == 200


def test_the_table_says_which_goals_are_met() -> None:
    out = StringIO()
    report.show(RUN, Console(file=out, width=120))
    said = out.getvalue()
    assert "pass" in said and "fail" in said and "200 MiB" in said


def test_libguestfs_is_kept_off_a_kvm_that_does_not_work() -> None:
    assert appliance.environment({"A": "b"}, "tcg") == {
        "A": "b",
        "LIBGUESTFS_BACKEND": "direct",
        "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg",
    }
    assert "LIBGUESTFS_BACKEND_SETTINGS" not in appliance.environment({}, "kvm")


def test_a_diagnosis_is_compared_alone_and_with_entering() -> None:
    one = diagnosis.Round(16, 9, 4, 3, 40 << 10, 0)
    other = diagnosis.Round(20, 15, 10, 8, 50 << 10, 0)
    found = diagnosis.Diagnosis(20_000, "tcg", (one, other))
    alone, whole = found.comparisons()
    assert alone.ratios == (0.25, 0.5) and alone.met
    assert whole.ratios == (13 / 16, 25 / 20) and whole.met is False
    assert found.peak_mib == 50
    assert diagnosis.as_json(found)["ratios"][0]["met"] is True


def test_of_a_hundred_answers_the_slowest_one_does_not_count() -> None:
    found = load.summary([0.001] * 50 + [0.003] * 49 + [9.0], seconds=2.0, size=7)
    assert (found.p50, found.p99, found.rate, found.count) == (2.0, 3.0, 50.0, 100)
    assert load.summary([0.001] * 98 + [9.0] * 2, seconds=1.0).p99 == 9000.0
