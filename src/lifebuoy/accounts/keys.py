"""API keys: what a program signs in with. Of one account, cut down to scopes, and with an end."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.accounts.registry import account_of, named, note
from lifebuoy.accounts.secret import new_token, token_hash
from lifebuoy.accounts.sessions import identity_of
from lifebuoy.errors import AccountNotFound, BadInput
from lifebuoy.store import Database
from lifebuoy.store.tables import accounts, api_keys
from lifebuoy.store.times import stamp

#: So that one that is found where it should not be is known for what it is.
PREFIX: Final = "lifebuoy_"
LONGEST_DAYS: Final = 3650
LABEL_MAX: Final = 200
_ID_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is listed: not the key itself, which nobody knows but its user."""

    id: str
    account: str
    label: str
    scopes: tuple[str, ...]
    created: str
    expires: str


def add(
    database: Database,
    account: str,
    label: str,
    scopes: Iterable[Permission],
    days: int,
    *,
    by: str,
) -> tuple[Key, str]:
    """Make a key of an account's; the key itself is told this once.

    Raises:
        AccountNotFound: there is no account of that name.
        BadInput: it would live for too long, or not at all; its label is no line.
    """
    if len(label) > LABEL_MAX or not label.isprintable():
        raise BadInput(f"a key's label is one line of at most {LABEL_MAX} characters")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"a key lives for 1 to {LONGEST_DAYS} days")
    now, secret = datetime.now(UTC), PREFIX + new_token()
    words = tuple(sorted(scope.value for scope in scopes))
    with database.writing() as connection:
        owner = named(connection, account)
        made = Key(
            secrets.token_hex(_ID_BYTES),
            account,
            label,
            words,
            stamp(now),
            stamp(now + timedelta(days=days)),
        )
        connection.execute(
            api_keys.insert().values(
                id=made.id,
                key=token_hash(secret),
                account=owner.id,
                label=label,
                scopes=" ".join(words),
                created=made.created,
                expires=made.expires,
            )
        )
        note(connection, by, "api-key-add", f"{made.id} of {account}: {' '.join(words)}")
    return made, secret


def every(database: Database, account: str | None = None) -> list[Key]:
    """All keys, or those of one account, by account and age; also those whose time is over."""
    query = (
        sa.select(api_keys, accounts.c.name)
        .join(accounts, accounts.c.id == api_keys.c.account)
        .order_by(accounts.c.name, api_keys.c.created)
    )
    if account is not None:
        query = query.where(accounts.c.name == account)
    with database.reading() as connection:
        return [
            Key(row.id, row.name, row.label, tuple(row.scopes.split()), row.created, row.expires)
            for row in connection.execute(query)
        ]


def remove(database: Database, id_: str, *, by: str, account: str | None = None) -> None:
    """Make a key worthless; where an account is named, only one of its own.

    Raises:
        AccountNotFound: there is no such key of that id.
    """
    with database.writing() as connection:
        this = api_keys.delete().where(api_keys.c.id == id_)
        if account is not None:
            owner = sa.select(accounts.c.id).where(accounts.c.name == account)
            this = this.where(api_keys.c.account == owner.scalar_subquery())
        if connection.execute(this).rowcount == 0:
            raise AccountNotFound(f"there is no API key '{id_}'", hint="lifebuoy api-key list")
        note(connection, by, "api-key-remove", id_)


def identify(database: Database, key: str) -> Identity | None:
    """Whose key it is, cut down to its scopes; None if it is none, or its time is over."""
    with database.reading() as connection:
        query = sa.select(accounts, api_keys.c.scopes).join(
            api_keys, api_keys.c.account == accounts.c.id
        )
        alive = api_keys.c.expires > stamp(datetime.now(UTC))
        mine = api_keys.c.key == token_hash(key)
        row = connection.execute(query.where(mine, alive)).one_or_none()
        if row is None:
            return None
        found = identity_of(connection, account_of(row))
    scopes = frozenset(Permission(word) for word in row.scopes.split())
    return replace(found, may=found.may & scopes)
