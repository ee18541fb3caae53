"""Which host has an instance: all are asked, and only a name that is surely one's is taken."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lifebuoy.errors import AmbiguousInstance, InstanceNotFound, LifebuoyError
from lifebuoy.hosts.fleet import Answer, Fleet
from lifebuoy.hypervisor import Host


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a name was found: ``hosts`` by name, and those that did not answer."""

    instance: str
    hosts: tuple[str, ...]
    silent: tuple[str, ...]

    def sure(self) -> str:
        """The one host that has it.

        Raises:
            AmbiguousInstance: two have it, or one that does not answer may have it, too.
        """
        host = self.likely()
        if self.silent:
            raise AmbiguousInstance(
                f"'{self.instance}' is on host {host}, but {_names(self.silent)} did not answer "
                "and may have one, too",
                hint=f"say which one: {host}/{self.instance}",
            )
        return host

    def likely(self) -> str:
        """The one host of those that answered; good enough to look at it.

        Raises:
            AmbiguousInstance: two have it.
        """
        if len(self.hosts) > 1:
            raise AmbiguousInstance(
                f"'{self.instance}' is on {_names(self.hosts)}",
                hint="say which one: "
                + " or ".join(f"{host}/{self.instance}" for host in self.hosts),
            )
        return self.hosts[0]


def find(fleet: Fleet, instance: str) -> Whereabouts:
    """Ask all hosts for the instance of that name, UUID or id.

    Raises:
        InstanceNotFound: none of those that answered has it; tells of those that did not.
    """
    answers = fleet.ask(lambda host: _has(host, instance))
    there = tuple(answer.place.name for answer in answers if answer.value)
    silent = tuple(answer.place.name for answer in answers if answer.error)
    if not there:
        raise _missing(fleet, instance, answers)
    return Whereabouts(instance, there, silent)


def names(fleet: Fleet, timeout_s: float, hosts: Sequence[str] | None = None) -> list[str]:
    """What may be typed for the instances on ``hosts``, or all: NAME where unique, HOST/NAME."""
    answers = fleet.ask(_instances, timeout_s, hosts)
    every = [name for answer in answers for name in answer.value or ()]
    plain = [name for name, count in Counter(every).items() if count == 1]
    full = [f"{a.place.name}/{name}" for a in answers for name in a.value or ()]
    return sorted(plain) + full


def _has(host: Host, instance: str) -> bool:
    return host.find(instance) is not None


def _instances(host: Host) -> list[str]:
    return [domain.name for domain in host.domains()]


def _missing(fleet: Fleet, instance: str, answers: Sequence[Answer[bool]]) -> LifebuoyError:
    heard = [answer.place.name for answer in answers if not answer.error]
    silent = [answer.place.name for answer in answers if answer.error]
    words = f"no instance '{instance}' on {_names(heard)}"
    if silent:
        words += f"; {_names(silent)} did not answer"
    there = names(fleet, fleet.timeout_s, heard)
    near = difflib.get_close_matches(instance, there, n=3, cutoff=0.5)
    hint = "did you mean: " + ", ".join(near) + "?" if near else "lifebuoy list"
    return InstanceNotFound(words, hint=hint)


def _names(hosts: Sequence[str]) -> str:
    """Some names in words; many are counted."""
    if len(hosts) > 3:
        return f"{len(hosts)} hosts"
    return " and ".join(hosts) if hosts else "any host"
