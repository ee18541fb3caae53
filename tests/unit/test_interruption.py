"""What interrupts a wait, and what must not be interrupted."""

from __future__ import annotations

import signal
import time

import pytest

from lifebuoy.interruption import (
    BackgroundThread,
    CancelRequested,
    checked_by,
    checkpoint,
    deferred,
    sleep,
)


def test_a_wait_ends_when_it_is_to_stop() -> None:
    asked = iter([False, False, True])

    def check() -> None:
        if next(asked):
            raise CancelRequested("stop")

    began = time.monotonic()
    with checked_by(check), pytest.raises(CancelRequested):
        sleep(60)
    assert time.monotonic() - began < 30
    checkpoint()  # outside nobody asks


def test_ctrl_c_waits_for_what_must_be_whole() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_never_given_to_a_thread_in_the_background() -> None:
    masks: list[set[signal.Signals | int]] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    thread = BackgroundThread(
        lambda: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, [])), name="any"
    )
    thread.start()
    thread.join(30)
    assert masks[0] >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
