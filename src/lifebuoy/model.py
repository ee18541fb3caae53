"""What things are: the names and states every layer shares. No I/O, no libvirt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InstanceState(StrEnum):
    """State of an instance as users see it (behaviour of rescue mode, not libvirt's states)."""

    STOPPED = "STOPPED"
    RUNNING = "RUNNING"
    ENTER_RESCUE_MODE = "ENTER_RESCUE_MODE"
    RESCUE_MODE = "RESCUE_MODE"
    EXIT_RESCUE_MODE = "EXIT_RESCUE_MODE"


class RunState(StrEnum):
    """What the hypervisor says of a domain, folded from virDomainState."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CRASHED = "crashed"


class Phase(StrEnum):
    """Where in a stay an instance is; written in the domain's metadata."""

    ENTER = "enter"
    RESCUE = "rescue"
    EXIT = "exit"

    @property
    def state(self) -> InstanceState:
        """The instance state shown for this phase."""
        return {
            Phase.ENTER: InstanceState.ENTER_RESCUE_MODE,
            Phase.RESCUE: InstanceState.RESCUE_MODE,
            Phase.EXIT: InstanceState.EXIT_RESCUE_MODE,
        }[self]


class Action(StrEnum):
    """What may be asked of an instance."""

    SHOW = "show"
    RENEW = "renew"
    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    CONSOLE = "console"
    BACKUP_CREATE = "backup-create"
    BACKUP_RESTORE = "backup-restore"
    BACKUP_DELETE = "backup-delete"
    ENTER_RESCUE = "enter-rescue"
    CHECK = "self-check"
    REPAIR = "repair"
    EXIT_RESCUE = "exit-rescue"


class StopMode(StrEnum):
    """How a running instance is stopped before it enters rescue mode."""

    SOFT = "soft"  # clean only; fail if it does not stop in time
    SOFT_FIRST = "soft-first"  # clean, then cut
    HARD = "hard"  # cut at once


class ChangePolicy(StrEnum):
    """What leaving does with a definition that somebody edited during the stay."""

    REFUSE = "refuse"
    KEEP = "keep"
    DROP = "drop"


class BootVerdict(StrEnum):
    """What was seen of a boot after leaving."""

    LOGIN = "reached login"
    BOOTING = "still booting"
    FAILED = "does not boot"
    NOT_STARTED = "stays stopped"
    NOT_WATCHED = "not watched"


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay in rescue mode, as carried in the domain's own metadata.

    ``original`` and ``defined`` are domain XML without graphics passwords: the definition before
    entering, and the rescue definition as libvirt gave it back after defining it (empty until
    then). ``since`` is an ISO 8601 UTC time. ``host_key`` is the rescue system's public SSH host
    key ("ssh-ed25519 AAAA..."), or empty. ``volumes`` are the names of the media made for this
    stay alone, removed at the exit. ``nvram_sha256`` is that of the instance's own UEFI variables
    when it entered, empty where it has none.
    """

    phase: Phase
    session: str
    since: str
    was_running: bool
    autostart: bool
    image: str
    host_key: str
    original: str
    defined: str = ""
    volumes: tuple[str, ...] = ()
    nvram_sha256: str = ""
