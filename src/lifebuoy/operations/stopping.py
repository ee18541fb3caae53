"""Stops a running instance, cleanly or not, as its owner allowed."""

from __future__ import annotations

from typing import Final

from lifebuoy.errors import TimedOut
from lifebuoy.hypervisor import Domain
from lifebuoy.model import StopMode

#: how often a clean shutdown is asked for again, as guests that just boot miss the first
_ASK_AGAIN_S: Final = 15.0


def stop(domain: Domain, mode: StopMode, timeout_s: float) -> str:
    """Stop a running domain the way ``mode`` says; returns how it went, in words.

    Raises:
        TimedOut: a clean stop was all that was allowed and it did not happen.
    """
    if not domain.active:
        return "it had stopped by itself"
    if mode is StopMode.HARD:
        domain.destroy()
        return "cut off"
    domain.set_poweroff_action_destroy()  # or a definition with on_poweroff=restart never stops
    waited = 0.0
    while waited < timeout_s:
        domain.shutdown()
        slice_s = min(_ASK_AGAIN_S, timeout_s - waited)
        if domain.wait_stopped(slice_s):
            return "shut down cleanly"
        waited += slice_s
    if mode is StopMode.SOFT:
        raise TimedOut(
            f"'{domain.name}' did not shut down within {timeout_s:.0f} s",
            hint="shut it down from inside, or consent to a forced shutdown (--consent-force)",
        )
    domain.destroy()
    return f"cut off: it did not shut down within {timeout_s:.0f} s"
