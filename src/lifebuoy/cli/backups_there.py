"""A backup point of a server's, as one command acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lifebuoy.cli import progress, there
from lifebuoy.cli.session import Session
from lifebuoy.operations.backup_delete import Deletion
from lifebuoy.operations.backup_verify import Verification

if TYPE_CHECKING:
    from lifebuoy.client.backups import At
    from lifebuoy.client.server import Server


@dataclass(frozen=True, slots=True)
class Point:
    """One point; ``as_json``: nothing is shown of what goes on."""

    server: Server
    at: At
    as_json: bool

    @classmethod
    def named(cls, session: Session, server: Server, ref: str, *, as_json: bool) -> Self:
        """The one whose id begins so; see ``client.backups.find``."""
        from lifebuoy.client import backups

        at = backups.find(server, ref)
        session.choose(at.instance.chosen)
        return cls(server, at, as_json)

    @property
    def id(self) -> str:
        """Its whole id."""
        return self.at.id

    @property
    def name(self) -> str:
        """Its instance's name."""
        return self.at.instance.name

    def deletion(self) -> Deletion:
        """What deleting it would do."""
        from lifebuoy.client import backups

        return backups.deletion(self.server, self.at)

    def verification(self) -> Verification:
        """Whether it is still what was noted of it."""
        from lifebuoy.client import backups

        with progress.shown(silent=self.as_json) as view:
            return backups.verification(self.server, self.at, view.upload)

    def restore(self) -> None:
        """Go back to it."""
        with progress.shown(silent=self.as_json) as view:
            there.performed(self.server, f"{self.at.path}/restore", None, view)

    def delete(self, *, later: bool) -> int:
        """Delete it; how many merges are left."""
        path = self.at.path + ("?later=true" if later else "")
        with progress.shown(silent=self.as_json) as view:
            reached = there.performed(self.server, path, None, view, method="DELETE")
        return int(reached["left"])


def has_any(at: there.Instance) -> bool:
    """Whether anything is to be told of an instance's points."""
    from lifebuoy.client import backups

    return any(one.instances for one in backups.of_instance(at.server, at.found))
