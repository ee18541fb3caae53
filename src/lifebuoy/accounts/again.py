"""Who is signed in shows once more who he is, before what outlives his session: API keys, accounts,
passwords, second factors. A browser that was left alone, or whose cookie was stolen, cannot.

By the password, throttled like signing in; where the session was begun at an OpenID provider, by
having signed in a short while ago.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from lifebuoy.accounts import throttle
from lifebuoy.accounts.model import Account
from lifebuoy.accounts.secret import is_password, token_hash
from lifebuoy.errors import Forbidden, ProveAgain
from lifebuoy.store import Database, audit
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening, accounts, sessions
from lifebuoy.store.times import stamp

#: So long ago one may have signed in at a provider.
RECENT: Final = timedelta(minutes=10)


def require(database: Database, account: Account, token: str, password: str, address: str) -> None:
    """Pass if the one whose session ``token`` is has shown just now that he is ``account``.

    Raises:
        ProveAgain: neither by a password nor by signing in.
        Forbidden: that is not the present password.
        TooManyTries: too many were refused.
    """
    if password:
        require_password(database, account.name, password, address)
        return
    since = began_at_provider(database, token)
    if not since:
        raise ProveAgain(
            "your present password is asked for once more",
            hint="as `current` beside what is asked; the pages have a field for it",
        )
    if since < stamp(datetime.now(UTC) - RECENT):
        minutes = int(RECENT.total_seconds()) // 60
        raise ProveAgain(
            f"for this you must have signed in within the last {minutes} minutes",
            hint="sign out and in again",
        )


def require_password(database: Database, name: str, password: str, address: str) -> None:
    """Pass if that is the present password of the account of that name.

    Raises:
        Forbidden: it is not.
        TooManyTries: too many were refused.
    """
    with database.writing() as connection:
        throttle.begin(connection, name, address, datetime.now(UTC))
        query = sa.select(accounts.c.password).where(accounts.c.name == name)
        hashed = connection.execute(query).scalar_one_or_none()
    # outside any transaction: it takes a tenth of a second on purpose
    if not is_password(hashed, password):
        with database.writing() as connection:
            detail = f"password once more, from {address}"
            event, time = Happening.SIGN_IN_REFUSED, stamp(datetime.now(UTC))
            audit.add(connection, Entry(time, name, event, "", "", "", "", detail=detail))
        raise Forbidden("that is not the present password of the account")
    with database.writing() as connection:
        throttle.accepted(connection, name, address)


def began_at_provider(database: Database, token: str) -> str:
    """When the session of that token was begun at an OpenID provider, as times are stamped; empty
    if it was begun with a password, or is none."""
    mine = (sessions.c.token == token_hash(token)) & sessions.c.at_provider
    with database.reading() as connection:
        return connection.execute(sa.select(sessions.c.created).where(mine)).scalar() or ""
