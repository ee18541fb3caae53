"""What a command starts from: the host to connect to, this user's folders, the image catalogue."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from platformdirs import user_cache_path, user_state_path

from lifebuoy import config
from lifebuoy.hypervisor import connect
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one run of the command line."""

    connect_flag: str | None = None

    @property
    def state_dir(self) -> Path:
        """Where this user's state goes: the embedded host, kept outputs."""
        return user_state_path("lifebuoy")

    @property
    def cache_dir(self) -> Path:
        """Where what can be found out again is kept."""
        return user_cache_path("lifebuoy")

    def catalogue(self) -> Catalogue:
        """This user's images."""
        return Catalogue()

    @contextmanager
    def context(self) -> Iterator[Context]:
        """A connected host with all that operations need; closed at the end of the block.

        Raises:
            CannotConnect, Busy, BadInput: see ``hypervisor.connect``.
        """
        chosen = config.choose(self.connect_flag, os.environ, config.default_path())
        with connect(chosen.uri, state_dir=self.state_dir) as host:
            yield Context(host, self.catalogue(), self.cache_dir)

    def command(self, *words: str) -> str:
        """A command line of ours that reaches the same host, to be shown to the user."""
        where = ["--connect", self.connect_flag] if self.connect_flag else []
        return shlex.join(["lifebuoy", *where, *words])


def of(context: typer.Context) -> Session:
    """The session of a command's context."""
    found = context.find_object(Session)
    return found or Session()
