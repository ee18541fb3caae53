"""The hosts of a process that lives on, as those who look and act use them; how they are reached,
and which there are, is the affair of whoever started it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from lifebuoy.hosts.fleet import Answer
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context

T = TypeVar("T")


class Reach(Protocol):
    """The hosts that are served. From any thread."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Which there are, by name."""

    @property
    def connected(self) -> int:
        """How many are connected now."""

    @property
    def catalogue(self) -> Catalogue:
        """The rescue images that there are for all of them."""

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
