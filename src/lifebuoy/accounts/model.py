"""Roles, permissions and what an account may see. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lifebuoy.errors import BadInput

#: No '@': a user of the command line is on record as user@machine, and nobody may look like one.
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


class Role(StrEnum):
    """What an account is for."""

    ADMIN = "admin"  # all of it, accounts too
    OPERATOR = "operator"  # every instance
    OWNER = "owner"  # the instances that were given to it


class Permission(StrEnum):
    """What a call needs, and what an API key may be cut down to (its scopes)."""

    READ = "read"  # look at instances, hosts and operations
    ACT = "act"  # change instances
    MONITOR = "monitor"  # figures about all of it
    ADMINISTER = "administer"  # accounts, and who may do what


MAY: Final[dict[Role, frozenset[Permission]]] = {
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: frozenset({Permission.READ, Permission.ACT, Permission.MONITOR}),
    Role.OWNER: frozenset({Permission.READ, Permission.ACT}),
}


@dataclass(frozen=True, slots=True)
class Account:
    """One account. ``created`` is ISO 8601, UTC."""

    id: str
    name: str
    role: Role
    created: str


@dataclass(frozen=True, slots=True)
class Grant:
    """An instance that was given to an owner: which libvirt it is on, and its UUID there.

    ``host`` and ``name`` are what both were called then, for humans.
    """

    daemon: str
    instance: str
    host: str
    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose request it is. ``instances`` are those that it may see, by daemon and UUID; None: all.

    ``csrf`` is what a changing request of this browser must bring beside its cookie; empty where
    no cookie is involved, so that no other page can have sent it.
    """

    account: Account
    may: frozenset[Permission]
    instances: frozenset[tuple[str, str]] | None
    csrf: str = field(default="", repr=False)

    def sees(self, daemon: str, instance: str) -> bool:
        """Whether it may know of that instance."""
        return self.instances is None or (daemon, instance) in self.instances


def require_name(name: str) -> str:
    """``name``, if an account may be called so.

    Raises:
        BadInput: it may not; says what may.
    """
    if _NAME.fullmatch(name):
        return name
    raise BadInput(
        "an account cannot be called so",
        hint="1 to 63 lower-case letters, digits, dots, dashes and underscores; a letter or digit "
        "at both ends",
    )


def role_of(word: str) -> Role:
    """The role of that name.

    Raises:
        BadInput: there is none.
    """
    try:
        return Role(word)
    except ValueError:
        raise BadInput(
            f"there is no role '{word}'", hint=f"one of these: {', '.join(Role)}"
        ) from None


def scopes_of(words: list[str]) -> frozenset[Permission]:
    """The permissions that these words name.

    Raises:
        BadInput: one that is none; or none at all.
    """
    known = [permission.value for permission in Permission]
    if not words or any(word not in known for word in words):
        raise BadInput("an API key needs scopes that exist", hint=f"of these: {', '.join(known)}")
    return frozenset(Permission(word) for word in words)
