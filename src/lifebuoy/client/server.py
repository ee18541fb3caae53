"""A server as the command line asks it: lists, details, operations. One method a question.

Where an instance is named, it is found in the server's list, so that a name means what it means
where the core is asked; then it is addressed by its host and UUID.
"""

from __future__ import annotations

import difflib
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lifebuoy.client import shapes
from lifebuoy.client.link import Link
from lifebuoy.errors import BadInput, InstanceNotFound, OperationNotFound
from lifebuoy.hosts.finding import Whereabouts
from lifebuoy.hosts.place import Address
from lifebuoy.operations.listing import PAGE_MAX, Listed
from lifebuoy.operations.status import InstanceDetails, InstanceSummary, RescueStatus
from lifebuoy.settings.listening import is_on_loopback

if TYPE_CHECKING:
    from lifebuoy.operations.history import Account

_UNNAMED: Final = "-"
_ID_LENGTH: Final = 12
_AGAIN_S: Final = 0.5
_NOT_HERE: Final = "the port is open on the server's machine alone"


@dataclass(frozen=True, slots=True)
class Found:
    """An instance of the server's. ``host`` is empty where hosts have no names; ``silent`` are
    those that did not answer.

    ``typed`` is what it was named by, without its host; ``chosen`` that host, empty where none was
    named and there is one only; ``uri`` is that of its libvirt.
    """

    host: str
    uuid: str
    name: str
    typed: str
    chosen: str = ""
    uri: str = ""
    silent: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is in the REST API."""
        return f"/instances/{self.host or _UNNAMED}/{self.uuid}"


class Server:
    """``only`` is the host that alone is meant, empty for all."""

    def __init__(self, link: Link, only: str = "") -> None:
        self.link = link
        self._only = only

    @property
    def url(self) -> str:
        """Its address."""
        return self.link.url

    # Instances

    def instances(self, text: str = "") -> list[Listed[InstanceSummary]]:
        """What each host lists; of names and UUIDs that hold ``text``.

        Raises:
            BadInput: the server has no such host.
            LifebuoyError: as the server says, or because it does not.
        """
        rows: list[tuple[str, InstanceSummary]] = []
        cursor, hosts = "", []
        while True:
            page = self.link.get("/instances", q=text, limit=PAGE_MAX, cursor=cursor)
            with shapes.understood():
                rows += [(one["host"], shapes.summary(one)) for one in page["instances"]]
                cursor, hosts = page["next"], page["hosts"]
            if not cursor:
                break
        named = [one for one in hosts if self._only in {"", one["name"]}]
        if not named and self._only:
            raise _no_host(self._only, [one["name"] for one in hosts])
        return [
            shapes.listed(
                host,
                tuple(
                    sorted(
                        (found for name, found in rows if name == host["name"]),
                        key=lambda one: one.name,
                    )
                ),
            )
            for host in named
        ]

    def find(self, ref: str, *, looking: bool = False) -> Found:
        """The instance of that name, UUID or id, perhaps with its host before it; as where the core
        is asked. ``looking``: hosts that do not answer are not in the way.

        Raises:
            BadInput: none is named.
            AmbiguousInstance: not surely one instance.
            InstanceNotFound: none that the caller may know of.
        """
        if not ref:
            raise BadInput("no instance named", hint="give its name, UUID or id")
        named, listed = self._named(ref)
        there = [one for one in listed if named.host in {"", one.host}]
        matches = {one.host: _matching(one.instances, named.instance) for one in there}
        if not any(matches.values()) and _is_number(named.instance):
            # an id is in no name: all are looked at
            there = [one for one in self.instances() if named.host in {"", one.host}]
            matches = {one.host: _matching(one.instances, named.instance) for one in there}
        hosts = tuple(host for host, found in matches.items() if found)
        silent = tuple(one.name for one in there if one.error)
        if not hosts:
            _raise_silent(there)
            raise self._missing(named.instance, there, silent)
        where = Whereabouts(named.instance, hosts, silent)
        host = where.likely() if looking else where.sure()
        found = matches[host]
        assert found is not None
        chosen = host if named.host or len(listed) > 1 else ""
        uri = next(one.uri for one in there if one.host == host)
        return Found(host, found.uuid, found.name, named.instance, chosen, uri, silent)

    def names(self) -> list[str]:
        """What may be typed for the instances: NAME where unique, HOST/NAME where hosts have
        names."""
        listed = self.instances()
        every = [(one.host, found.name) for one in listed for found in one.instances]
        count = Counter(name for _, name in every)
        plain = sorted(name for _, name in every if count[name] == 1)
        return plain + [f"{host}/{name}" for host, name in every if host]

    def plain(self, ref: str) -> str:
        """The name alone, or the id, of what was addressed by ``ref``."""
        return self._named(ref)[0].instance if "/" in ref else ref

    def details(self, found: Found) -> InstanceDetails:
        """All about an instance."""
        told = shapes.details(self.link.get(found.path))
        return replace(told, rescue=self._from_here(told.rescue)) if told.rescue else told

    def rescue(self, found: Found) -> RescueStatus:
        """Its stay in rescue mode.

        Raises:
            NotAllowed: it is not in rescue mode.
        """
        return self._from_here(shapes.rescue(self.link.get(f"{found.path}/rescue")))

    # Operations

    def begin(self, path: str, body: object = None, method: str = "POST") -> Account:
        """Ask for something that is an operation on record; the server does it."""
        return _account(self.link.send(method, path, body))

    def operations(self, limit: int, instance: str | None) -> list[Account]:
        """The newest first."""
        told = self.link.get("/operations", limit=limit, instance=instance)
        with shapes.understood():
            return [_account(one) for one in told["operations"]]

    def operation(self, id_: str) -> Account:
        """The operation of that id, or of the only one that begins so.

        Raises:
            OperationNotFound: none, or several.
        """
        whole = self._whole(id_)
        with _named(id_):
            return _account(self.link.get(f"/operations/{whole}"))

    def cancel(self, id_: str) -> Account:
        """Ask that it be rolled back.

        Raises:
            Refused: it has ended, or cannot go back any more.
        """
        whole = self._whole(id_)
        with _named(id_):
            told = self.link.send("POST", f"/operations/{whole}/cancel")
        return _account(told)

    def watch(self, id_: str) -> Iterator[Account | None]:
        """The operation of that whole id now, and at every change until it has ended; None whenever
        nothing was heard for a while. A server that is away is waited for.

        Raises:
            LifebuoyError: it stays away.
        """
        last: Account | None = None
        while last is None or not last.record.is_finished:
            for name, told in self.link.events(f"/operations/{id_}/events"):
                if name == "operation":
                    last = _account(told)
                    yield last
            if last is None or not last.record.is_finished:
                yield None
                time.sleep(_AGAIN_S)  # it may be ending
                last = self.operation(id_)  # waits for a server that is away
                yield last

    def _from_here(self, told: RescueStatus) -> RescueStatus:
        """With the way in as it is from here: a port of the server's own loopback is none of ours
        where the server is another machine."""
        access = told.access
        if not access.is_forwarded or access.via or is_on_loopback(self.url):
            return told
        return replace(told, access=replace(access, obstacle=_NOT_HERE))

    def _whole(self, id_: str) -> str:
        if len(id_) == _ID_LENGTH and id_.isalnum():
            return id_
        found = [
            one.record.id
            for one in self.operations(PAGE_MAX, None)
            if len(id_) >= 4 and one.record.id.startswith(id_)
        ]
        if len(found) != 1:
            raise _no_operation(id_, len(found))
        return found[0]

    def _named(self, ref: str) -> tuple[Address, list[Listed[InstanceSummary]]]:
        """``ref`` taken apart, and the instances whose names hold it."""
        host, slash, name = ref.partition("/")
        if slash:
            listed = self.instances(_text(name))
            if host in {one.host for one in listed}:
                return Address(host, name), listed
        return Address("", ref), self.instances(_text(ref))

    def _missing(
        self, ref: str, asked: list[Listed[InstanceSummary]], silent: tuple[str, ...]
    ) -> InstanceNotFound:
        heard = [one.name for one in asked if not one.error]
        where = " and ".join(heard) if len(heard) <= 3 else f"{len(heard)} hosts"
        words = f"no instance '{ref}' on {where or 'any host'}"
        if silent:
            words += f"; {' and '.join(silent)} did not answer"
        hosts = {one.host for one in asked}
        names = [
            found.name for one in self.instances() if one.host in hosts for found in one.instances
        ]
        near = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
        if near:
            return InstanceNotFound(words, hint="did you mean: " + ", ".join(near) + "?")
        if len(hosts) > 1:
            return InstanceNotFound(words, hint="lifebuoy list")
        there = "there are: " + ", ".join(names[:10]) if names else "there are no instances"
        return InstanceNotFound(words, hint=there)


def _account(told: Any) -> Account:
    from lifebuoy.client import records  # loads the database's tables

    return records.operation(told)


@contextmanager
def _named(id_: str) -> Iterator[None]:
    """In the block, a server that has no such operation is told of as the core would tell."""
    try:
        yield
    except OperationNotFound as error:
        raise _no_operation(id_, 0) from error


def _no_operation(id_: str, found: int) -> OperationNotFound:
    return OperationNotFound(
        f"several operations begin with '{id_}'" if found else f"no operation '{id_}'",
        hint="lifebuoy operations list",
    )


def _raise_silent(asked: list[Listed[InstanceSummary]]) -> None:
    """One host alone raises what goes wrong with it."""
    if len(asked) == 1 and asked[0].error:
        raise asked[0].error


def _matching(instances: tuple[InstanceSummary, ...], ref: str) -> InstanceSummary | None:
    """The one of that name, UUID or id, tried in this order."""
    tries = (
        (one for one in instances if one.name == ref),
        (one for one in instances if one.uuid == _uuid(ref)),
        (one for one in instances if _is_number(ref) and one.id == int(ref)),
    )
    for found in tries:
        if (first := next(found, None)) is not None:
            return first
    return None


def _text(ref: str) -> str:
    """What the server looks for in names and UUIDs."""
    return _uuid(ref) or ref


def _uuid(ref: str) -> str:
    try:
        return str(uuid.UUID(ref))
    except ValueError:
        return ""


def _is_number(ref: str) -> bool:
    return ref.isascii() and ref.isdigit() and len(ref) < 10


def _no_host(name: str, there: list[str]) -> BadInput:
    known = ", ".join(filter(None, there))
    return BadInput(
        f"the server has no host '{name}'",
        hint=(f"it has: {known}" if known else "leave --connect away")
        + "; for a libvirt of your own: --server ''",
    )
