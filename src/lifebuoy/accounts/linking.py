"""Who somebody that an OpenID provider has signed in is here. Known by issuer and subject, never by
a name: whoever gets a name at the provider must not get the account that is called so here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lifebuoy.accounts import sessions, throttle
from lifebuoy.accounts.errand import Errand, Person
from lifebuoy.accounts.model import Account, Role, require_name
from lifebuoy.accounts.registry import account_of, named, note
from lifebuoy.errors import BadInput, NotSignedIn, Refused
from lifebuoy.settings.values import OpenId
from lifebuoy.store import Database
from lifebuoy.store.tables import accounts, grants, provider_identities
from lifebuoy.store.times import stamp

_ID_BYTES: Final = 8
#: What may do most first: who is of several groups gets the first that one of them means.
_BY_RIGHTS: Final = (Role.ADMIN, Role.OPERATOR, Role.OWNER)


def begin(database: Database, errand: Errand, address: str) -> None:
    """Pass if somebody who comes back from there may be heard now; counted as refused until he is
    let in, like a password that is tried.

    Raises:
        TooManyTries: too many from that address were refused.
    """
    with database.writing() as connection:
        throttle.begin(connection, _subject(errand), address, datetime.now(UTC))


def accepted(database: Database, errand: Errand, address: str) -> None:
    """He was let in."""
    with database.writing() as connection:
        throttle.accepted(connection, _subject(errand), address)


def sign_in(database: Database, settings: OpenId, person: Person, address: str) -> str:
    """The token of a new session of the account that is linked to ``person``, which is made where
    the settings say so. Where they tell roles by a claim, its role is what that says now.

    Raises:
        NotSignedIn: none is linked, and none is made; or no role is meant for them.
    """
    role = role_of(settings, person.claims)
    now = stamp(datetime.now(UTC))
    try:
        with database.writing() as connection:
            account = _linked(connection, person)
            if account is None:
                account = _make(connection, settings, person, role, now)
            elif settings.role_claim:
                account = _in_role(connection, account, role)
            how = f"at {person.issuer}, from {address}"
            return sessions.begin(connection, account, how, at_provider=True)
    except IntegrityError:
        raise _taken() from None


def link(database: Database, person: Person, name: str, *, by: str) -> None:
    """From now on ``person`` signs in as the account of that name.

    Raises:
        AccountNotFound: there is no account of that name.
        Refused: somebody else is linked to it, or it to another account.
    """
    with database.writing() as connection:
        account = named(connection, name)
        before = _linked(connection, person)
        if before is not None and before.id != account.id:
            raise Refused("at the provider, that is another account's user already")
        mine = provider_identities.c.account == account.id
        connection.execute(provider_identities.delete().where(mine))
        _write(connection, person, account, stamp(datetime.now(UTC)))
        note(connection, by, "account-link", f"{name} to {person.subject} at {person.issuer}")


def unlink(database: Database, name: str, *, by: str) -> None:
    """The account is signed in to by its password alone again.

    Raises:
        AccountNotFound: there is no account of that name.
        Refused: it is not linked.
    """
    with database.writing() as connection:
        account = named(connection, name)
        mine = provider_identities.c.account == account.id
        if connection.execute(provider_identities.delete().where(mine)).rowcount == 0:
            raise Refused(f"'{name}' is not linked to anybody at a provider")
        note(connection, by, "account-unlink", name)


def link_of(database: Database, account: Account) -> str:
    """The issuer at whose place an account is linked to somebody; empty if it is not."""
    mine = provider_identities.c.account == account.id
    with database.reading() as connection:
        found = connection.execute(sa.select(provider_identities.c.issuer).where(mine)).scalar()
        return found or ""


def role_of(settings: OpenId, claims: Mapping[str, Any]) -> Role | None:
    """The role that the settings mean for somebody; None if none. Pure."""
    said = claims.get(settings.role_claim) if settings.role_claim else None
    values = said if isinstance(said, list) else [said]
    meant = {
        settings.roles[one] for one in values if isinstance(one, str) and one in settings.roles
    }
    for role in _BY_RIGHTS:
        if role.value in meant:
            return role
    return Role(settings.role) if settings.role else None


def _subject(errand: Errand) -> str:
    """Each errand is a name of its own: only the address is slowed down."""
    return f"errand {errand.state}"


def _linked(connection: sa.Connection, person: Person) -> Account | None:
    query = sa.select(accounts).join(
        provider_identities, provider_identities.c.account == accounts.c.id
    )
    this = (provider_identities.c.issuer == person.issuer) & (
        provider_identities.c.subject == person.subject
    )
    row = connection.execute(query.where(this)).one_or_none()
    return account_of(row) if row else None


def _make(
    connection: sa.Connection, settings: OpenId, person: Person, role: Role | None, now: str
) -> Account:
    if not settings.create:
        raise NotSignedIn(
            "no account here is linked to that one",
            hint="sign in with the password and link it, or ask an admin",
            safe="",
        )
    if role is None:
        raise _no_role()
    said = person.claims.get(settings.name_claim)
    try:
        name = require_name(str(said).lower() if isinstance(said, str) else "")
    except BadInput:
        raise NotSignedIn(
            "no account can be called what the provider calls this one",
            hint="ask an admin",
            safe="",
        ) from None
    there = sa.select(sa.literal(1)).where(accounts.c.name == name)
    if connection.execute(there).scalar():
        raise _taken()
    made = Account(secrets.token_hex(_ID_BYTES), name, role, now)
    row = {"id": made.id, "name": name, "role": role.value, "created": now}
    # no hash of anything: no password opens it
    connection.execute(accounts.insert().values(password="", **row))
    _write(connection, person, made, now)
    note(connection, name, "account-add", f"{name} as {role}, at first sign-in at {person.issuer}")
    return made


def _in_role(connection: sa.Connection, account: Account, role: Role | None) -> Account:
    if role is None:
        raise _no_role()
    if account.role is role:
        return account
    mine = accounts.c.id == account.id
    connection.execute(accounts.update().where(mine).values(role=role.value))
    if role is not Role.OWNER:
        connection.execute(grants.delete().where(grants.c.account == account.id))
    note(connection, account.name, "account-role", f"{account.name} as {role}, says the provider")
    return Account(account.id, account.name, role, account.created)


def _write(connection: sa.Connection, person: Person, account: Account, now: str) -> None:
    row = {"issuer": person.issuer, "subject": person.subject, "account": account.id}
    this = (provider_identities.c.issuer == person.issuer) & (
        provider_identities.c.subject == person.subject
    )
    connection.execute(provider_identities.delete().where(this))
    connection.execute(provider_identities.insert().values(created=now, **row))


def _no_role() -> NotSignedIn:
    return NotSignedIn("the provider names no role for this one", hint="ask an admin", safe="")


def _taken() -> NotSignedIn:
    return NotSignedIn(
        "there is an account of that name, and it is not linked to that one",
        hint="sign in with its password and link it, or ask an admin",
        safe="",
    )
