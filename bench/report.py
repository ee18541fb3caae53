"""What a run comes to: comparisons with their goals, a table for people, JSON for the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.figures import Comparison, Summary, paired, summarise
from bench.machine import Machine

FORMAT: Final = 1  # of the record; raise it when a field changes its meaning
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured, in seconds. ``busy`` is how much of the processors others had just
    before each subject, 0 to 1."""

    floor: float
    guestfish: float
    virt_rescue: float
    enter_to_login: float
    boot_to_login: float
    exit_to_first_line: float
    busy: dict[str, float]
    enter_steps: dict[str, float]
    exit_steps: dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run. ``began`` is ISO 8601, UTC; ``image_placed`` the first copy to the host, in
    seconds."""

    began: str
    machine: Machine
    image_bytes: int
    image_placed: float
    rounds: tuple[Round, ...]


#: Fields of a round in the order of the table, and what they are for a reader.
SUBJECTS: Final = {
    "enter_to_login": "'enter' on a stopped guest to an accepted SSH login",
    "boot_to_login": "  of that: QEMU's start to the login",
    "exit_to_first_line": "'exit' to the first line from the guest's own disk",
    "guestfish": "libguestfs: guestfish --ro -a DISK run",
    "virt_rescue": "libguestfs: virt-rescue to its shell prompt",
    "floor": "floor: the rescue kernel and busybox to one line",
}
#: What is compared, and the most that the median ratio may be.
GOALS: Final[tuple[tuple[str, str, float | None], ...]] = (
    ("boot_to_login", "guestfish", 1.0),
    ("boot_to_login", "floor", 4.5),
    ("enter_to_login", "guestfish", None),
    ("enter_to_login", "virt_rescue", None),
    ("enter_to_login", "floor", None),
)


def series(rounds: Sequence[Round], subject: str) -> tuple[float, ...]:
    """The seconds of one subject, round by round."""
    return tuple(float(getattr(one, subject)) for one in rounds)


def comparisons(rounds: Sequence[Round]) -> list[Comparison]:
    """All comparisons, those with a goal first."""
    return [
        Comparison(
            subject,
            reference,
            paired(series(rounds, subject), series(rounds, reference)),
            at_most,
        )
        for subject, reference, at_most in GOALS
    ]


def show(run: Run, console: Console) -> None:
    """Print the tables."""
    machine = run.machine
    console.print(
        f"{machine.processor}, {machine.cores} cores, QEMU {machine.qemu}, "
        f"{'KVM' if machine.acceleration == 'kvm' else 'emulation'} ({machine.acceleration_reason})"
    )
    console.print(_seconds(run))
    console.print(_ratios(run.rounds))
    console.print(
        f"rescue image: {run.image_bytes / MIB:.0f} MiB, placed on the host once in "
        f"{run.image_placed:.1f} s"
    )


def _seconds(run: Run) -> Table:
    table = Table(title=f"Seconds, {len(run.rounds)} rounds in turn")
    table.add_column("what")
    for name in ("median", "min", "max"):
        table.add_column(name, justify="right")
    for subject, words in SUBJECTS.items():
        table.add_row(words, *_cells(summarise(series(run.rounds, subject)), 1))
    return table


def _ratios(rounds: Sequence[Round]) -> Table:
    table = Table(title="Ratios, within each round")
    table.add_column("what")
    table.add_column("times of")
    for name in ("median", "min", "max", "goal"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in comparisons(rounds):
        goal = "" if one.at_most is None else f"<= {one.at_most:g}"
        verdict = {True: "[green]pass[/]", False: "[red]fail[/]", None: ""}[one.met]
        cells = _cells(one.summary, 2)
        table.add_row(one.subject, one.reference, *cells, goal, verdict)
    return table


def _cells(summary: Summary, digits: int) -> list[str]:
    return [f"{value:.{digits}f}" for value in (summary.median, summary.minimum, summary.maximum)]


def record(run: Run) -> dict[str, Any]:
    """The run as JSON values."""
    return {
        "format": FORMAT,
        "began": run.began,
        "machine": asdict(run.machine),
        "image": {
            "mib": round(run.image_bytes / MIB, 1),
            "placed_s": round(run.image_placed, 3),
        },
        "seconds": {name: asdict(summarise(series(run.rounds, name))) for name in SUBJECTS},
        "ratios": [
            {
                "subject": one.subject,
                "reference": one.reference,
                **asdict(one.summary),
                "at_most": one.at_most,
                "met": one.met,
            }
            for one in comparisons(run.rounds)
        ],
        "rounds": [asdict(one) for one in run.rounds],
    }
