"""The hosts of a process that lives on, as those who look and act use them; how they are reached,
and which there are, is the affair of whoever started it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from lifebuoy.hosts.fleet import Answer
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.listing import Listed, heard
from lifebuoy.operations.status import InstanceSummary, summaries

T = TypeVar("T")
#: Puts the end of its time into a line of the list; by daemon.
Dated = Callable[[str, InstanceSummary], InstanceSummary]


def undated(_daemon: str, summary: InstanceSummary) -> InstanceSummary:
    """Leaves it as it is."""
    return summary


class Reach(Protocol):
    """The hosts that are served. From any thread."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Which there are, by name."""

    @property
    def connected(self) -> int:
        """How many are connected now."""

    def ask(
        self, question: Callable[[Host], T], names: Iterable[str] | None = None
    ) -> list[Answer[T]]:
        """Ask all, or those named, at the same time, each with a deadline.

        Raises:
            NotFound: no host is called so.
        """

    def context(self, name: str) -> Context:
        """One of them, connected.

        Raises:
            NotFound: no host is called so.
            HostSilent, CannotConnect: it cannot be reached.
        """


def instances(
    reach: Reach, sees: Callable[[str, str], bool], put: Dated = undated
) -> list[Listed[InstanceSummary]]:
    """What each host lists, of the instances that ``sees`` is true of: by daemon and UUID.

    ``put`` puts in what the hosts do not know: the expiry dates.
    """

    def question(host: Host) -> list[InstanceSummary]:
        daemon = daemon_of(host)
        return [put(daemon, found) for found in summaries(host) if sees(daemon, found.uuid)]

    return [heard(answer) for answer in reach.ask(question)]
