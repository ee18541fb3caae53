"""Signing in with a password: at once, or by halves where the account has a second factor or must
have one. Who has shown the password alone can do nothing but show the rest, and not for long.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from lifebuoy.accounts import second_factor, sessions
from lifebuoy.accounts.model import Account, Role
from lifebuoy.accounts.registry import account_of
from lifebuoy.accounts.second_factor import Proposal
from lifebuoy.accounts.secret import new_token, token_hash
from lifebuoy.accounts.vault import Vault
from lifebuoy.errors import NotSignedIn
from lifebuoy.store import Database
from lifebuoy.store.tables import accounts, half_sign_ins
from lifebuoy.store.times import stamp

#: So long the rest may take: an app must be found, or even set up.
HALF: Final = timedelta(minutes=10)


class Missing(StrEnum):
    """What a sign-in still needs."""

    NOTHING = "nothing"
    CODE = "code"  # of the second factor
    SET_UP = "set-up"  # of a second factor, which the account must have


@dataclass(frozen=True, slots=True)
class Entered:
    """``token`` is that of a session where nothing is missing, else of a sign-in by half."""

    token: str
    missing: Missing


def sign_in(
    database: Database, name: str, password: str, address: str, required: Set[Role] = frozenset()
) -> Entered:
    """Sign in with name and password; accounts of the roles ``required`` must have a second factor.

    Raises:
        NotSignedIn: no such account, or not its password; not said which.
        TooManyTries: too many were refused.
    """
    account = sessions.proved(database, name, password, address)
    now = datetime.now(UTC)
    with database.writing() as connection:
        missing = _missing(connection, account, required)
        if missing is Missing.NOTHING:
            return Entered(sessions.begin(connection, account, f"from {address}"), missing)
        token = new_token()
        connection.execute(half_sign_ins.delete().where(half_sign_ins.c.expires < stamp(now)))
        row = {"token": token_hash(token), "account": account.id, "expires": stamp(now + HALF)}
        connection.execute(half_sign_ins.insert().values(**row))
    return Entered(token, missing)


def half_of(database: Database, token: str, required: Set[Role]) -> tuple[Account, Missing]:
    """Whose sign-in by half it is, and what it needs.

    Raises:
        NotSignedIn: it is none, or took too long.
    """
    alive = half_sign_ins.c.expires > stamp(datetime.now(UTC))
    mine = half_sign_ins.c.token == token_hash(token)
    query = sa.select(accounts).join(half_sign_ins, half_sign_ins.c.account == accounts.c.id)
    with database.reading() as connection:
        row = connection.execute(query.where(mine, alive)).one_or_none()
        if row is None:
            raise NotSignedIn("sign in again", hint="it took too long", safe="")
        account = account_of(row)
        return account, _missing(connection, account, required)


def finish(
    database: Database, vault: Vault, token: str, code: str, address: str, required: Set[Role]
) -> str:
    """The token of a session for the second half: a code.

    Raises:
        NotSignedIn: there is no first half, or it took too long.
        CodeRefused: it is wrong, or was used.
        TooManyTries: too many were refused.
    """
    account, missing = half_of(database, token, required)
    if missing is not Missing.CODE:
        raise NotSignedIn("sign in again", safe="")
    second_factor.prove(database, vault, account, code, address)
    return _whole(database, token, account, address)


def finish_setting_up(
    database: Database,
    token: str,
    proposal: Proposal,
    code: str,
    address: str,
    required: Set[Role],
) -> tuple[str, list[str]]:
    """The token of a session, and the recovery codes, for a code of the app that was just set up.

    Raises:
        NotSignedIn: there is no first half, or it took too long.
        CodeRefused: it is wrong.
        TooManyTries: too many were refused.
    """
    account, missing = half_of(database, token, required)
    if missing is not Missing.SET_UP:
        raise NotSignedIn("sign in again", safe="")
    codes = second_factor.confirm(database, account, proposal, code, address)
    return _whole(database, token, account, address), codes


def _missing(connection: sa.Connection, account: Account, required: Set[Role]) -> Missing:
    if second_factor.is_on(connection, account.id):
        return Missing.CODE
    return Missing.SET_UP if account.role in required else Missing.NOTHING


def _whole(database: Database, token: str, account: Account, address: str) -> str:
    """Of two that come with the same half, one gets the session."""
    with database.writing() as connection:
        this = half_sign_ins.c.token == token_hash(token)
        if connection.execute(half_sign_ins.delete().where(this)).rowcount == 0:
            raise NotSignedIn("sign in again", safe="")
        return sessions.begin(connection, account, f"with a second factor, from {address}")
