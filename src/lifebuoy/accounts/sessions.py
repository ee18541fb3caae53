"""Browsers: names and passwords, a session for a cookie, signing out; ``entering`` joins them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from lifebuoy.accounts import again, registry, throttle
from lifebuoy.accounts.model import MAY, Account, Identity, Role
from lifebuoy.accounts.registry import account_of, granted
from lifebuoy.accounts.secret import check_password, csrf_of, is_password, new_token, token_hash
from lifebuoy.errors import NotSignedIn
from lifebuoy.store import Database, audit
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening, accounts, sessions
from lifebuoy.store.times import stamp

#: However much it is used, and after how long without use, a session ends.
LIFE: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=2)
#: It is written down at most so often that one is used.
_NOTED: Final = timedelta(minutes=1)


def proved(database: Database, name: str, password: str, address: str) -> Account:
    """The account whose name and password these are.

    Raises:
        NotSignedIn: no such account, or not its password; not said which.
        TooManyTries: too many were refused.
    """
    now = datetime.now(UTC)
    with database.writing() as connection:
        throttle.begin(connection, name, address, now)
        query = sa.select(accounts).where(accounts.c.name == name)
        row = connection.execute(query).one_or_none()
    # outside any transaction: it takes a tenth of a second on purpose
    if not is_password(row.password if row else None, password) or row is None:
        with database.writing() as connection:
            known = account_of(row) if row else None
            _note(connection, Happening.SIGN_IN_REFUSED, known, f"from {address}")
        raise NotSignedIn("the name or the password is wrong", safe="")
    with database.writing() as connection:
        throttle.accepted(connection, name, address)
    return account_of(row)


def begin(
    connection: sa.Connection, account: Account, how: str, *, at_provider: bool = False
) -> str:
    """The token of a new session, for the cookie; told this once. ``how`` is for the audit log;
    ``at_provider``: an OpenID provider has said who it is."""
    now, token = datetime.now(UTC), new_token()
    connection.execute(sessions.delete().where(sessions.c.expires < stamp(now)))
    connection.execute(
        sessions.insert().values(
            token=token_hash(token),
            account=account.id,
            created=stamp(now),
            used=stamp(now),
            expires=stamp(now + LIFE),
            at_provider=at_provider,
        )
    )
    _note(connection, Happening.SIGNED_IN, account, how)
    return token


def refused(database: Database, how: str) -> None:
    """Note that somebody was not let in."""
    with database.writing() as connection:
        _note(connection, Happening.SIGN_IN_REFUSED, None, how)


def change_password(database: Database, name: str, current: str, new: str, address: str) -> None:
    """Give one's own account another password; all its browsers must sign in again.

    Raises:
        Forbidden: that is not the present one.
        PasswordRefused: the new one cannot be one.
        TooManyTries: too many were refused.
    """
    check_password(new)
    again.require_password(database, name, current, address)
    registry.set_password(database, name, new, by=name)


def identify(database: Database, token: str) -> Identity | None:
    """Whose session it is; None if it is none, or has ended."""
    now = datetime.now(UTC)
    mine = sessions.c.token == token_hash(token)
    with database.reading() as connection:
        query = sa.select(accounts, sessions.c.used).join(
            sessions, sessions.c.account == accounts.c.id
        )
        alive = (sessions.c.expires > stamp(now)) & (sessions.c.used > stamp(now - IDLE))
        row = connection.execute(query.where(mine, alive)).one_or_none()
        if row is None:
            return None
        found = identity_of(connection, account_of(row), csrf_of(token))
    if row.used < stamp(now - _NOTED):
        with database.writing() as connection:
            connection.execute(sessions.update().where(mine).values(used=stamp(now)))
    return found


def sign_out(database: Database, token: str) -> None:
    """End the session; fine if there is none."""
    with database.writing() as connection:
        connection.execute(sessions.delete().where(sessions.c.token == token_hash(token)))


def identity_of(connection: sa.Connection, account: Account, csrf: str = "") -> Identity:
    """What an account may do and see."""
    seen = None
    if account.role is Role.OWNER:
        seen = frozenset((one.daemon, one.instance) for one in granted(connection, account.id))
    return Identity(account, MAY[account.role], seen, csrf)


def _note(connection: sa.Connection, event: Happening, account: Account | None, how: str) -> None:
    """What was typed for a name that is nobody's is not repeated: it may be a password."""
    who = account.name if account else "somebody"
    entry = Entry(stamp(datetime.now(UTC)), who, event, "", "", "", "", detail=how)
    audit.add(connection, entry)
