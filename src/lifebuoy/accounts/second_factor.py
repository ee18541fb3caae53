"""The second factor of an account: an app's codes, and recovery codes for when the app is lost.

Kept are the app's secret, sealed (``vault``), the last time step that was used, and hashes of the
recovery codes. It guards signing in with a password; API keys are proofs of their own, and whoever
signs in at a provider is asked for a second factor there.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from lifebuoy.accounts import throttle
from lifebuoy.accounts.model import Account
from lifebuoy.accounts.registry import named, note
from lifebuoy.accounts.secret import token_hash
from lifebuoy.accounts.totp import new_secret, step_of
from lifebuoy.accounts.vault import Vault
from lifebuoy.errors import CodeRefused, Refused
from lifebuoy.store import Database, audit
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import (
    Happening,
    half_sign_ins,
    recovery_codes,
    second_factors,
    sessions,
)
from lifebuoy.store.times import stamp

_RECOVERY: Final = 10
#: 80 bits in groups of four, without what looks alike: so long that a plain hash is enough.
_ALPHABET: Final = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("il01")))
_GROUPS: Final = 4
#: So long setting up may take.
_PROPOSED_S: Final = 1800


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Whether an account has one; since when, ISO 8601, UTC; how many recovery codes are left."""

    is_on: bool
    since: str
    recovery: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A secret for the app to be set up with, and the same sealed, for the form that comes back."""

    secret: str = field(repr=False)
    sealed: str


def of(database: Database, account: Account) -> SecondFactor:
    """The second factor of an account."""
    with database.reading() as connection:
        mine = second_factors.c.account == account.id
        since = connection.execute(sa.select(second_factors.c.since).where(mine)).scalar()
        left = sa.select(sa.func.count()).where(recovery_codes.c.account == account.id)
        return SecondFactor(bool(since), since or "", connection.execute(left).scalar_one())


def is_on(connection: sa.Connection, account: str) -> bool:
    """Whether the account of that id has one."""
    query = sa.select(second_factors.c.since).where(second_factors.c.account == account)
    return bool(connection.execute(query).scalar())


def propose(vault: Vault, account: Account) -> Proposal:
    """A new secret for the app; nothing is kept of it until a code of it was seen."""
    secret = new_secret()
    return Proposal(secret, vault.seal(secret, _purpose(account)))


def proposed(vault: Vault, account: Account, sealed: str) -> Proposal:
    """The same again, such as after a wrong code.

    Raises:
        VaultClosed: it is none of that account, or too old.
    """
    return Proposal(vault.open(sealed, _purpose(account), within_s=_PROPOSED_S), sealed)


def confirm(
    database: Database,
    account: Account,
    proposal: Proposal,
    code: str,
    address: str,
    keep: str = "",
) -> list[str]:
    """Turn it on with a code of the app: the recovery codes, told this once. All sessions of the
    account end but the one of the token ``keep``.

    Raises:
        CodeRefused: that is not the app's code.
        Refused: the account has a second factor.
        TooManyTries: too many were refused.
    """
    now = datetime.now(UTC)
    with database.writing() as connection:
        throttle.begin(connection, _subject(account), address, now)
    step = step_of(proposal.secret, _digits(code), now, 0)
    if step is None:
        raise _refused()
    row = {"secret": proposal.sealed, "last_step": step, "since": stamp(now)}
    with database.writing() as connection:
        if is_on(connection, account.id):
            raise Refused("the account has a second factor", hint="turn it off first")
        connection.execute(second_factors.insert().values(account=account.id, **row))
        throttle.accepted(connection, _subject(account), address)
        others = (sessions.c.account == account.id) & (sessions.c.token != token_hash(keep))
        connection.execute(sessions.delete().where(others))
        note(connection, account.name, "second-factor-on", account.name)
        return _new_recovery(connection, account)


def prove(database: Database, vault: Vault, account: Account, code: str, address: str) -> None:
    """Pass with a code of the app, or a recovery code; neither counts a second time.

    Raises:
        CodeRefused: it is neither, or was used.
        TooManyTries: too many were refused.
        VaultClosed: the secret was sealed with another key.
    """
    with database.writing() as connection:
        throttle.begin(connection, _subject(account), address, datetime.now(UTC))
    with database.writing() as connection:
        known = _is_code(connection, vault, account, code) or _is_recovery(
            connection, account, code
        )
        if known:
            throttle.accepted(connection, _subject(account), address)
            return
        detail = f"second factor, from {address}"
        event = Happening.SIGN_IN_REFUSED
        time = stamp(datetime.now(UTC))
        audit.add(connection, Entry(time, account.name, event, "", "", "", "", detail=detail))
    raise _refused()


def new_recovery(database: Database, account: Account) -> list[str]:
    """Other recovery codes, told this once; those before are worth nothing.

    Raises:
        Refused: the account has no second factor.
    """
    with database.writing() as connection:
        if not is_on(connection, account.id):
            raise Refused("the account has no second factor")
        note(connection, account.name, "second-factor-recovery", account.name)
        return _new_recovery(connection, account)


def turn_off(database: Database, account: Account) -> None:
    """The account's own user wants none any more."""
    with database.writing() as connection:
        _remove(connection, account)
        note(connection, account.name, "second-factor-off", account.name)


def reset(database: Database, name: str, *, by: str) -> None:
    """Take it from an account whose user has lost both app and recovery codes. All its browsers
    must sign in again.

    Raises:
        AccountNotFound: there is no account of that name.
        Refused: it has no second factor, or is the asker's own.
    """
    if name == by:
        raise Refused(
            "one's own second factor is turned off with a code",
            hint="on the page of your account; or have another admin take it away",
        )
    with database.writing() as connection:
        account = named(connection, name)
        if not _remove(connection, account):
            raise Refused(f"'{name}' has no second factor")
        for table in (sessions, half_sign_ins):
            connection.execute(table.delete().where(table.c.account == account.id))
        note(connection, by, "second-factor-reset", name)


def _remove(connection: sa.Connection, account: Account) -> bool:
    """Whether there was one."""
    connection.execute(recovery_codes.delete().where(recovery_codes.c.account == account.id))
    mine = second_factors.c.account == account.id
    return connection.execute(second_factors.delete().where(mine)).rowcount > 0


def _is_code(connection: sa.Connection, vault: Vault, account: Account, code: str) -> bool:
    """Whether that is the app's, of a step later than all before; it is the last one then."""
    mine = second_factors.c.account == account.id
    row = connection.execute(sa.select(second_factors).where(mine).with_for_update()).one_or_none()
    if row is None:
        return False
    secret = vault.open(row.secret, _purpose(account))
    step = step_of(secret, _digits(code), datetime.now(UTC), row.last_step)
    if step is None:
        return False
    later = second_factors.update().where(mine, second_factors.c.last_step < step)
    return connection.execute(later.values(last_step=step)).rowcount == 1


def _is_recovery(connection: sa.Connection, account: Account, code: str) -> bool:
    """Whether that is one that was left; it is none any more then."""
    this = (recovery_codes.c.account == account.id) & (recovery_codes.c.code == _hash(code))
    return connection.execute(recovery_codes.delete().where(this)).rowcount == 1


def _digits(code: str) -> str:
    return "".join(code.split())


def _new_recovery(connection: sa.Connection, account: Account) -> list[str]:
    connection.execute(recovery_codes.delete().where(recovery_codes.c.account == account.id))
    made = ["-".join(_group() for _ in range(_GROUPS)) for _ in range(_RECOVERY)]
    rows = [{"account": account.id, "code": _hash(code)} for code in made]
    connection.execute(recovery_codes.insert(), rows)
    return made


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(4))


def _hash(code: str) -> str:
    """However it was typed: with blanks, in capitals."""
    return token_hash("".join(char for char in code.lower() if char in _ALPHABET))


def _purpose(account: Account) -> str:
    return f"second factor of {account.id}"


def _subject(account: Account) -> str:
    return f"second factor of {account.id}"


def _refused() -> CodeRefused:
    return CodeRefused("the code is wrong, or was used already", safe="")
