"""Whether somebody who proved himself a while ago may still do what he does: a connection lives on
after the request that began it, and must end with the session, the key or the account.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.accounts.registry import account_of
from lifebuoy.accounts.secret import token_hash
from lifebuoy.accounts.sessions import IDLE, identity_of
from lifebuoy.store import Database
from lifebuoy.store.tables import accounts, api_keys, sessions
from lifebuoy.store.times import stamp


class ProofKind(StrEnum):
    """What somebody proved himself with."""

    SESSION = "session"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Proof:
    """A session or API key by the hash of its token: enough to look for it, not to be it."""

    kind: ProofKind
    hash: str = field(repr=False)

    @classmethod
    def of(cls, kind: ProofKind, token: str) -> Proof:
        """The proof by that token."""
        return cls(kind, token_hash(token))


def identity(database: Database, proof: Proof) -> Identity | None:
    """Whose it is and what he may do now; None if it is worth nothing. It does not count as use."""
    now = datetime.now(UTC)
    if proof.kind is ProofKind.KEY:
        query = sa.select(accounts, api_keys.c.scopes).join(
            api_keys, api_keys.c.account == accounts.c.id
        )
        alive = (api_keys.c.key == proof.hash) & (api_keys.c.expires > stamp(now))
    else:
        query = sa.select(accounts, sa.literal(" ".join(Permission)).label("scopes")).join(
            sessions, sessions.c.account == accounts.c.id
        )
        alive = (
            (sessions.c.token == proof.hash)
            & (sessions.c.expires > stamp(now))
            & (sessions.c.used > stamp(now - IDLE))
        )
    with database.reading() as connection:
        row = connection.execute(query.where(alive)).one_or_none()
        if row is None:
            return None
        found = identity_of(connection, account_of(row))
    scopes = frozenset(Permission(word) for word in row.scopes.split())
    return replace(found, may=found.may & scopes)


def note_use(database: Database, proof: Proof) -> None:
    """Let a session know that it is used; fine if it has ended."""
    if proof.kind is ProofKind.SESSION:
        mine = sessions.c.token == proof.hash
        with database.writing() as connection:
            connection.execute(sessions.update().where(mine).values(used=stamp(datetime.now(UTC))))
