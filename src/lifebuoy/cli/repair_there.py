"""``lifebuoy repair`` by a server: the doctor is asked there, and what it says is told as here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lifebuoy.cli import there
from lifebuoy.cli.doctor import look_there
from lifebuoy.cli.session import Session
from lifebuoy.doctor.report import Plan, Report
from lifebuoy.operations.operation import JsonObject
from lifebuoy.operations.repair import Repaired, RepairRequest, Secret

if TYPE_CHECKING:
    from lifebuoy.client.server import Server


@dataclass(frozen=True, slots=True)
class Repairs:
    """What may be asked of a server about the repair of one instance."""

    at: there.Instance
    request: RepairRequest
    secret: Secret

    @classmethod
    def named(
        cls,
        session: Session,
        server: Server,
        ref: str,
        request: RepairRequest,
        secret: Secret,
        *,
        as_json: bool,
    ) -> Self:
        """Of the instance that ``ref`` names."""
        return cls(there.Instance.named(session, server, ref, as_json=as_json), request, secret)

    @property
    def name(self) -> str:
        """What the user called the instance."""
        return self.at.name

    def look(self) -> Report:
        """What the doctor finds now."""
        found, seconds = self.at.found, self.request.examine_s
        passphrase, silent = self.secret.passphrase, self.at.as_json
        return look_there(self.at.server, found, seconds, passphrase, silent=silent)

    def plan(self) -> tuple[Report, Plan]:
        """What the doctor finds, and what mending that would change."""
        from lifebuoy.client import doctor

        report = self.look()
        return report, doctor.plan(self.at.ask("repair/preview", self._body()), self.at.found.name)

    def repair(self, *, queue: bool) -> Repaired | None:
        """Have it mended; None where that is only asked for."""
        from lifebuoy.client import doctor

        result = self.at.act("repair", self._body(), queue=queue)
        if result is None:
            return None
        report = doctor.latest(self.at.server, self.at.found) or self.look()
        failed = tuple((id_, why) for id_, why in result["failed"])
        mended = tuple(dict.fromkeys(result["mended"]))
        return Repaired(result["run"], mended, failed, report)

    def undo(self, *, queue: bool) -> JsonObject | None:
        """Have the last repair taken back; None where that is only asked for."""
        from lifebuoy.client import doctor

        body = doctor.body(self.request.examine_s, self.secret.passphrase)
        return self.at.act("repair/undo", body, queue=queue)

    def _body(self) -> JsonObject:
        from lifebuoy.client import doctor

        return doctor.body(
            self.request.examine_s,
            self.secret.passphrase,
            only=list(self.request.only),
            offline=self.request.offline,
        )
