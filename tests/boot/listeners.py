"""Listeners of an operation that note, or do something at one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lifebuoy.operations.runner import StepEvent, StepState


@dataclass
class Notes:
    """Remembers what was told."""

    events: list[StepEvent] = field(default_factory=list)

    def __call__(self, event: StepEvent) -> None:
        self.events.append(event)

    @property
    def steps(self) -> list[str]:
        """The steps that were done, in order."""
        return [event.step for event in self.events if event.state is StepState.DONE]


@dataclass
class At(Notes):
    """Does ``act`` when ``step`` comes to ``state``, once."""

    step: str = ""
    state: StepState = StepState.STARTED
    act: Callable[[], object] = lambda: None
    acted: bool = False

    def __call__(self, event: StepEvent) -> None:
        super().__call__(event)
        if (event.step, event.state) == (self.step, self.state) and not self.acted:
            self.acted = True
            self.act()


def interrupt() -> None:
    """What Ctrl-C does."""
    raise KeyboardInterrupt
