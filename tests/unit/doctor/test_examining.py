"""The examination goes on, whatever a check does."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator

from lifebuoy.guest.doctor.examining import examine, headline
from lifebuoy.guest.doctor.model import Dpkg, Finding, Health, Link, LinkReport, Severity
from lifebuoy.guest.doctor.patient import Patient

NOBODY = Patient([], [], "")


class Play:
    """A check of the kernel that finds one thing, then does what its subclass does."""

    ID = "play"
    LINK = Link.KERNEL
    TITLE = READS = "nothing"
    NEEDS_ROOT = False
    DPKG = Dpkg.UNUSED

    def examine(self, patient: Patient) -> Iterator[Finding]:
        yield Finding(self.ID, self.LINK, Severity.WARNING, "something", "because")
        self.then()

    def then(self) -> None:
        """What comes after the finding."""


class Sleeps(Play):
    """Waits for a disk that never answers."""

    def then(self) -> None:
        time.sleep(60)


class Counts(Play):
    """Never comes to an end by itself."""

    def then(self) -> None:
        while True:
            re.sub("a*", "", "a" * 1000)


class Fails(Play):
    """Meets what it does not expect."""

    def then(self) -> None:
        raise LookupError("of no use")


def kernel(check: Play) -> LinkReport:
    chain = examine(NOBODY, checks=[check, Play()], limit_s=1)
    assert headline(chain) is None
    return next(one for one in chain if one.link is Link.KERNEL)


def test_a_check_that_hangs_is_stopped_and_the_next_one_still_runs() -> None:
    for check in (Sleeps(), Counts()):
        found = kernel(check)
        assert found.health is Health.DOUBTFUL
        assert list(found.unfinished) == ["play: not done within 1 s"]
        assert len(found.findings) == 2


def test_a_check_that_fails_is_a_gap_in_the_report() -> None:
    found = kernel(Fails())
    assert len(found.findings) == 2
    assert "LookupError at test_examining.py" in found.unfinished[0]


def test_the_limit_leaves_a_timer_of_others_running() -> None:
    left = signal.setitimer(signal.ITIMER_REAL, 500)[0]
    try:
        kernel(Play())
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
