"""The seed of a stay: placed by whoever knows the password, found in the store by all others."""

from __future__ import annotations

from dataclasses import dataclass, field

from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import Stay
from lifebuoy.operations.plan import EnterRequest, Plan
from lifebuoy.rescue import definition, media
from lifebuoy.rescue.cdrom import SEED_SERIAL
from lifebuoy.rescue.markup import parse
from lifebuoy.rescue.seed import Credentials, make_credentials, seed_iso


@dataclass
class Secrets:
    """What only the process knows that was asked, and only until it ends.

    ``checked`` is what it has just found out, so that it need not be found out again.
    """

    password: str = field(default="", repr=False)
    ssh_keys: tuple[str, ...] = ()
    script: bytes = field(default=b"", repr=False)
    checked: Plan | None = field(default=None, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)

    @classmethod
    def of(cls, request: EnterRequest, checked: Plan | None) -> Secrets:
        """Those of a request that has passed its checks."""
        return cls(request.password, request.ssh_keys, request.script, checked)

    def make(self) -> Credentials:
        """The credentials of the stay, made once.

        Raises:
            HostTrouble: who knows the password has ended.
        """
        if not self.password:
            raise _password_is_lost()
        if self.credentials is None:
            self.credentials = make_credentials(self.password, self.ssh_keys)
        return self.credentials


def place_seed(host: Host, secrets: Secrets, domain: Domain, session: str) -> str:
    """Put the seed of the domain's stay into the store; its path there.

    Raises:
        HostTrouble: it is not there yet, and who could make it has ended.
    """
    name = media.seed_name(session)
    found = host.store.find(name)
    if secrets.credentials is None:
        if found is None or not any(host.store.read_head(name)):
            raise _password_is_lost()
        return found.path
    if found is not None:  # from a try of this process that was cut short
        host.store.remove(name, wipe=True)
    hostname = "".join(c if c.isascii() and c.isalnum() else "-" for c in domain.name)
    content = seed_iso(
        secrets.credentials,
        hostname=(hostname.strip("-") or "instance")[:50] + "-rescue",
        session=session,
        machine=definition.shown_uuid(domain.xml()),
    )
    return host.store.put(name, content, shared=False).path


def _password_is_lost() -> HostTrouble:
    return HostTrouble(
        "the process that knew the password ended before it had handed it over",
        hint="enter rescue mode again",
    )


def take_seed_away(host: Host, domain: Domain, stay: Stay) -> None:
    """Eject, wipe and delete the seed of a stay; fine if that was done before."""
    root = parse(domain.xml())
    for disk in root.iterfind("devices/disk"):
        if disk.findtext("serial") == SEED_SERIAL and disk.find("source") is not None:
            target = disk.find("target")
            if target is not None:
                domain.eject(target.get("dev", ""))
    host.store.remove(media.seed_name(stay.session), wipe=True)
