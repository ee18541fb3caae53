"""The packages of one repair: brought to the host, put into the rescue system's drive, taken away.

The drive is the one that held the seed. What is put into it is named in the record of the stay
before it is made, so that leaving takes it away whatever happens; and it is in the running machine
alone, never in its definition.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lifebuoy.doctor.calling import Medium
from lifebuoy.errors import BadInput, HostTrouble, LifebuoyError, NoSpace, Refused
from lifebuoy.hypervisor import Domain, Host, Progress
from lifebuoy.model import Stay
from lifebuoy.rescue import cdrom, media, packages, record
from lifebuoy.rescue.packages import Supply

#: room that is left in the store beside the packages
_MARGIN_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Brought:
    """The paths that were named on the asker's machine, and what they held then."""

    paths: tuple[str, ...] = ()
    identity: str = ""

    @classmethod
    def of(cls, supply: Supply) -> Brought:
        """Those of a supply that was looked at."""
        return cls(tuple(str(source.path) for source in supply.sources), supply.identity)

    def again(self) -> Supply:
        """What they hold now, which must be the same.

        Raises:
            HostTrouble: this is another machine, or they have changed.
        """
        try:
            found = packages.look([Path(path) for path in self.paths])
            same = found.identity == self.identity
            why = "they are not as they were when it was asked for"
        except BadInput as error:
            same, why = False, error.message
        if not same:
            raise HostTrouble(
                f"the packages are not on {socket.gethostname()}: {why}",
                hint="ask again where they are",
            )
        return found


NOTHING: Final = Brought()


class Supplying:
    """The packages of one repair, for the stay of one domain."""

    def __init__(self, host: Host, domain: Domain, brought: Brought) -> None:
        self._host = host
        self._domain = domain
        self._brought = brought

    def require(self) -> None:
        """Pass if they are here, the host has room, and the drive is free. Nothing is touched.

        Raises:
            Refused: no drive is free, with the way out.
            NoSpace: with the sizes.
        """
        supply = self._brought.again()
        self._free_drive(_stay(self._domain))
        needed, free = supply.size_bytes + _MARGIN_BYTES, self._host.store.free_bytes()
        if free < needed:
            raise NoSpace(
                f"{self._host.store.location} has {free >> 20} MiB free, {needed >> 20} MiB are "
                "needed for the packages",
                hint="bring fewer packages, make room there, or use another pool (LIFEBUOY_POOL)",
            )

    def hand_over(self, progress: Progress) -> Medium:
        """Bring them to the host and put them into the drive; done anew where it was begun before.

        Raises:
            HostTrouble: they are not on this machine; see ``require``.
        """
        supply = self._brought.again()
        self.take_away()
        stay = _stay(self._domain)
        target = self._free_drive(stay)
        name = media.packages_name(stay.session)
        record.write(self._domain, replace(stay, volumes=(*stay.volumes, name)))
        with supply.medium(progress) as file:
            medium = Medium(packages.head_sha256(file), packages.HEAD_BYTES, supply.inner)
            stored = self._host.store.put(name, file, shared=False, progress=progress)
        self._domain.insert(target, stored.path)
        return medium

    def take_away(self) -> None:
        """Out of the drive, off the host, out of the record; fine where that was done before."""
        stay = record.read(self._domain)
        if stay is None:  # whoever left has swept it up
            return
        name = media.packages_name(stay.session)
        target = cdrom.seed_drive(self._domain.xml(live=True)) if self._domain.active else None
        if target and (self._domain.medium(target) or "").endswith(f"/{name}"):
            self._domain.eject(target)
        media.remove(self._host, (name,))
        if name in stay.volumes:
            left = tuple(one for one in stay.volumes if one != name)
            record.write(self._domain, replace(stay, volumes=left))

    def take_away_if_possible(self) -> str:
        """The same at the end of a repair, which is not taken back for that; what came of it."""
        try:
            self.take_away()
        except LifebuoyError as error:
            if not self._host.alive:
                raise
            return f"left until rescue mode is left: {error.message}"
        return "out of the drive and off the host"

    def _free_drive(self, stay: Stay) -> str:
        """The target name of the drive that is free.

        Raises:
            Refused: there is none.
        """
        name = self._domain.name
        target = cdrom.seed_drive(self._domain.xml(live=True))
        by_hand = (
            "copy the packages into the rescue system (scp) and run there: "
            "doctor --repair --packages DIR"
        )
        if not target:
            raise Refused(
                f"'{name}' has no drive for packages: on USB the drive goes with the seed",
                hint=by_hand,
            )
        found = self._domain.medium(target)
        if found is None or found.endswith(f"/{media.packages_name(stay.session)}"):
            return target
        if found.endswith(f"/{media.seed_name(stay.session)}"):
            raise Refused(
                f"the drive for packages of '{name}' ({target}) still holds the stay's seed: it "
                "was not waited for the rescue system when it was entered",
                hint=f"{by_hand}; or leave, and enter again without --no-wait",
            )
        raise Refused(
            f"somebody put a medium into the drive for packages of '{name}' ({target}): {found}",
            hint=f"take it out: virsh change-media {name} {target} --eject --live",
        )


def _stay(domain: Domain) -> Stay:
    stay = record.read(domain)
    if stay is None:
        raise HostTrouble(f"somebody else took '{domain.name}' out of rescue mode meanwhile")
    return stay
