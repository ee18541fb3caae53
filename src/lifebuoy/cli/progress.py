"""Steps shown as they happen: a live list at a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lifebuoy.cli import output
from lifebuoy.operations.runner import StepEvent, StepState

_MARKS = {
    StepState.DONE: ("✓", "ok", "green"),
    StepState.FAILED: ("✗", "FAILED", "red"),
    StepState.UNDONE: ("↶", "undone", "yellow"),
    StepState.UNDO_FAILED: ("✗", "NOT UNDONE", "bold red"),
}


class View(Protocol):
    """Whoever shows an operation: its steps, an upload within a step, and what else is to say."""

    def __call__(self, event: StepEvent) -> None: ...

    def upload(self, done: int, total: int) -> None: ...

    def note(self, words: str) -> None: ...


@contextmanager
def shown(*, silent: bool) -> Iterator[View]:
    """The view that fits: none with ``silent`` (JSON), else by what standard error is."""
    console = output.err()
    if silent:
        yield _Silent()
    elif console.is_terminal and not console.is_dumb_terminal:
        view = _LiveView(console)
        with view.live:
            yield view
    else:
        yield _PlainView()


class _Silent:
    def __call__(self, event: StepEvent) -> None:
        return

    def upload(self, done: int, total: int) -> None:
        return

    def note(self, words: str) -> None:
        return


class _PlainView:
    """One line when a step begins, one when it ends."""

    def __call__(self, event: StepEvent) -> None:
        if event.state is StepState.STARTED:
            output.note(f"{event.step} ...")
            return
        _, word, _ = _MARKS[event.state]
        took = f" ({event.seconds:.1f} s)" if event.state is not StepState.UNDONE else ""
        output.note(f"{event.step}: {word}{took}" + (f", {event.detail}" if event.detail else ""))

    def upload(self, done: int, total: int) -> None:
        return

    def note(self, words: str) -> None:
        output.note(words)


@dataclass(slots=True)
class _Row:
    event: StepEvent
    began: float


class _LiveView:
    """A list that grows; the step under way has a spinner and its seconds."""

    def __init__(self, console: Console) -> None:
        self._ascii = console.options.ascii_only
        self._spinner = Spinner("line" if self._ascii else "dots")
        self._rows: dict[str, _Row] = {}
        self._bar = Progress(
            BarColumn(30), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        )
        self._task = self._bar.add_task("upload", total=None, visible=False)
        self.live = Live(
            get_renderable=self._render, console=console, refresh_per_second=8, transient=False
        )

    def __call__(self, event: StepEvent) -> None:
        if event.state is StepState.STARTED:
            self._rows[event.step] = _Row(event, time.monotonic())
            self._bar.reset(self._task, visible=False)  # speed and time are those of one step
        else:
            self._rows[event.step].event = event
        self.live.refresh()

    def upload(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total, visible=done < total)

    def note(self, words: str) -> None:
        output.note(words)  # above the list

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column()
        table.add_column(justify="right")
        table.add_column(style="dim")
        for row in self._rows.values():
            table.add_row(*self._cells(row))
        return Group(table, self._bar) if self._bar.tasks[0].visible else table

    def _cells(self, row: _Row) -> tuple[RenderableType, ...]:
        event = row.event
        if event.state is StepState.STARTED:
            seconds = time.monotonic() - row.began
            return self._spinner, Text(event.step, "bold"), Text(f"{seconds:.0f} s"), Text("")
        mark, word, style = _MARKS[event.state]
        took = f"{event.seconds:.1f} s" if event.seconds else ""
        told = event.detail or ("" if event.state is StepState.DONE else word)
        return (
            Text(mark if not self._ascii else word[:2], style),
            Text(event.step),
            Text(took),
            Text(output.clean(told)),
        )
