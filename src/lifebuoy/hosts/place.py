"""A host as its user configured it: a name and a libvirt URI. Pure: nothing is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lifebuoy.errors import BadInput
from lifebuoy.hypervisor.connection import EMBED
from lifebuoy.hypervisor.uri import facts

#: Short enough for a column, and nothing that a shell, a path or ``HOST/NAME`` could misread.
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is. ``pool`` is the storage pool for our media there, empty for our own."""

    name: str
    uri: str
    pool: str = ""

    @property
    def called(self) -> str:
        """What it is called, in words; its URI, or that it is this machine's, without a name."""
        return self.name or self.uri or "the libvirt of this machine"


@dataclass(frozen=True, slots=True)
class Address:
    """How an instance was addressed. ``host`` is empty where only its name was given."""

    host: str
    instance: str

    def __str__(self) -> str:
        return f"{self.host}/{self.instance}" if self.host else self.instance


def address(ref: str, hosts: frozenset[str]) -> Address:
    """``HOST/NAME`` taken apart where HOST is one of ``hosts``; else all of it is the name."""
    host, slash, name = ref.partition("/")
    return Address(host, name) if slash and host in hosts else Address("", ref)


def require_name(name: str) -> str:
    """``name``, if a host may be called so.

    Raises:
        BadInput: it may not; says what may.
    """
    if _NAME.fullmatch(name) and name != EMBED:
        return name
    raise BadInput(
        f"a host cannot be called '{name}'",
        hint="1 to 63 lower-case letters, digits, dots, dashes and underscores; a letter or digit "
        f"at both ends; not '{EMBED}'",
    )


def require_uri(uri: str) -> str:
    """``uri``, if it is one and holds no password.

    Raises:
        BadInput: the message does not repeat a URI that may hold a secret.
    """
    if uri != EMBED:
        facts(uri)
    if any(char.isspace() or not char.isprintable() for char in uri):
        raise BadInput("a URI holds no blanks", hint="write %20 in their place")
    return uri
