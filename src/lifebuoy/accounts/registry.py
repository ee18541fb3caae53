"""Accounts on record: made, listed, changed, removed; and which instances an owner was given."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lifebuoy.accounts.model import Account, Grant, Role, require_name
from lifebuoy.accounts.secret import check_password, hash_password
from lifebuoy.errors import AccountNotFound, Refused
from lifebuoy.store import Database, audit
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening, accounts, grants, half_sign_ins, sessions
from lifebuoy.store.times import stamp

_ID_BYTES = 8


def add(database: Database, name: str, role: Role, password: str, *, by: str) -> Account:
    """Make an account.

    Raises:
        BadInput, PasswordRefused: its name or password cannot be.
        Refused: there is one of that name.
    """
    check_password(password)
    made = Account(secrets.token_hex(_ID_BYTES), require_name(name), role, stamp(_now()))
    hashed = hash_password(password)
    try:
        with database.writing() as connection:
            connection.execute(
                accounts.insert().values(
                    id=made.id, name=name, role=role.value, password=hashed, created=made.created
                )
            )
            note(connection, by, "account-add", f"{name} as {role}")
    except IntegrityError:
        raise Refused(f"there is an account '{name}'", hint="lifebuoy account list") from None
    return made


def every(database: Database) -> list[tuple[Account, tuple[Grant, ...]]]:
    """All accounts by name, each with what it was given."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(accounts).order_by(accounts.c.name)).all()
        return [(account_of(row), granted(connection, row.id)) for row in rows]


def named(connection: sa.Connection, name: str) -> Account:
    """The account of that name.

    Raises:
        AccountNotFound: there is none.
    """
    row = connection.execute(sa.select(accounts).where(accounts.c.name == name)).one_or_none()
    if row is None:
        raise AccountNotFound(f"there is no account '{name}'", hint="lifebuoy account list")
    return account_of(row)


def get(database: Database, name: str) -> tuple[Account, tuple[Grant, ...]]:
    """The account of that name, with what it was given.

    Raises:
        AccountNotFound: there is none.
    """
    with database.reading() as connection:
        found = named(connection, name)
        return found, granted(connection, found.id)


def set_role(database: Database, name: str, role: Role, *, by: str) -> None:
    """Make an account one of another role, from its next request on. What it was given as an owner
    it has no more when it is none.

    Raises:
        AccountNotFound: there is none of that name.
        Refused: it is the asker's own.
    """
    _require_another(name, by)
    with database.writing() as connection:
        found = named(connection, name)
        mine = accounts.c.id == found.id
        connection.execute(accounts.update().where(mine).values(role=role.value))
        if role is not Role.OWNER:
            connection.execute(grants.delete().where(grants.c.account == found.id))
        note(connection, by, "account-role", f"{name} as {role}")


def remove(database: Database, name: str, *, by: str) -> None:
    """Remove an account with its sessions, keys and grants. What it did stays on record.

    Raises:
        AccountNotFound: there is none of that name.
        Refused: it is the asker's own.
    """
    _require_another(name, by)
    with database.writing() as connection:
        found = named(connection, name)
        connection.execute(accounts.delete().where(accounts.c.id == found.id))
        note(connection, by, "account-remove", name)


def set_password(database: Database, name: str, password: str, *, by: str) -> None:
    """Give an account another password; every browser that is signed in must sign in again.

    Raises:
        PasswordRefused: it cannot be one.
        AccountNotFound: there is no account of that name.
    """
    check_password(password)
    hashed = hash_password(password)
    with database.writing() as connection:
        found = named(connection, name)
        mine = accounts.c.id == found.id
        connection.execute(accounts.update().where(mine).values(password=hashed))
        for table in (sessions, half_sign_ins):
            connection.execute(table.delete().where(table.c.account == found.id))
        note(connection, by, "account-password", name)


def grant(database: Database, name: str, given: Grant, *, by: str) -> None:
    """Give an instance to an owner; fine if it has it.

    Raises:
        AccountNotFound: there is no account of that name.
        Refused: it is no owner, and sees every instance anyhow.
    """
    with database.writing() as connection:
        found = named(connection, name)
        if found.role is not Role.OWNER:
            raise Refused(f"'{name}' is {found.role} and sees every instance anyhow")
        connection.execute(grants.delete().where(_given(found, given.daemon, given.instance)))
        connection.execute(
            grants.insert().values(
                account=found.id,
                daemon=given.daemon,
                instance=given.instance,
                host=given.host,
                name=given.name,
            )
        )
        note(connection, by, "account-grant", f"{given.host}/{given.name} to {name}", given)


def revoke(database: Database, name: str, given: Grant, *, by: str) -> None:
    """Take an instance from an owner again.

    Raises:
        AccountNotFound: there is no account of that name, or it does not have the instance.
    """
    with database.writing() as connection:
        found = named(connection, name)
        this = _given(found, given.daemon, given.instance)
        if connection.execute(grants.delete().where(this)).rowcount == 0:
            raise not_given(name, given.name)
        note(connection, by, "account-revoke", f"{given.host}/{given.name} from {name}", given)


def grants_of(database: Database, name: str) -> tuple[Grant, ...]:
    """What an account was given.

    Raises:
        AccountNotFound: there is no account of that name.
    """
    with database.reading() as connection:
        return granted(connection, named(connection, name).id)


def not_given(name: str, instance: str) -> AccountNotFound:
    """The error for an instance that the account does not have."""
    return AccountNotFound(
        f"'{name}' was not given '{instance}'", hint="see what it has: lifebuoy account list"
    )


def granted(connection: sa.Connection, account: str) -> tuple[Grant, ...]:
    """The instances that the account of that id was given, by name."""
    query = sa.select(grants).where(grants.c.account == account).order_by(grants.c.name)
    return tuple(
        Grant(row.daemon, row.instance, row.host, row.name) for row in connection.execute(query)
    )


def account_of(row: sa.Row[tuple[object, ...]]) -> Account:
    """An account from a row that has its columns."""
    return Account(row.id, row.name, Role(row.role), row.created)


def note(
    connection: sa.Connection, who: str, kind: str, detail: str, about: Grant | None = None
) -> None:
    """Write what changed of an account into the audit log."""
    host, uuid, name = (about.host, about.instance, about.name) if about else ("", "", "")
    event = Happening.ACCOUNT_CHANGED
    audit.add(connection, Entry(stamp(_now()), who, event, kind, host, uuid, name, detail=detail))


def _require_another(name: str, by: str) -> None:
    """So there is always an admin: one cannot make himself none. (Users of the command line are
    user@machine, which no account is called.)"""
    if name == by:
        raise Refused(
            "an account cannot remove itself or change its own role",
            hint="another admin can, or the command line",
        )


def _given(account: Account, daemon: str, instance: str) -> sa.ColumnElement[bool]:
    return (
        (grants.c.account == account.id)
        & (grants.c.daemon == daemon)
        & (grants.c.instance == instance)
    )


def _now() -> datetime:
    return datetime.now(UTC)
