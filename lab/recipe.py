"""What a breakage is: a few shell commands, the same for a disk in the builder and a live guest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lab.layout import Layout

EVERY_LAYOUT = frozenset(Layout)


class Where(StrEnum):
    """Where the commands of a breakage can be run."""

    ANYWHERE = "anywhere"
    OFFLINE = "offline"  # a running guest would break before the commands are done
    UNMOUNTED = "unmounted"  # the bare disk: a mounted file system would undo it


@dataclass(frozen=True, slots=True)
class Breakage:
    """One way to make a guest not reach its login.

    ``commands`` are for a POSIX shell in which ROOT is where the guest's root is mounted (empty
    in the running guest itself) and DISK the whole disk; they fail where there was nothing to
    break. ``last_words`` is a pattern of what the serial line says before it falls silent, that
    a sound guest never does; empty where a login is reached and refuses. ``finding`` is the id of
    the doctor's check that must see it. On the layouts of ``boots_on`` the broken guest still
    reaches its login, and is ill all the same.
    """

    description: str
    layouts: frozenset[Layout]
    commands: str
    finding: str = ""
    last_words: str = ""
    where: Where = Where.ANYWHERE
    boots_on: frozenset[Layout] = frozenset()

    def live_script(self) -> str:
        """The script that breaks the running guest that it is run in, as root."""
        return f"set -eu\nROOT=\nDISK=/dev/vda\n{self.commands}\nsync\n"
