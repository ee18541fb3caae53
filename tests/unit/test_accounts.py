"""Accounts of the server: who may sign in, with what, and what of it is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from lifebuoy.accounts import entering, keys, registry, sessions, throttle
from lifebuoy.accounts.entering import Missing
from lifebuoy.accounts.model import Grant, Permission, Role
from lifebuoy.accounts.secret import csrf_of
from lifebuoy.errors import (
    AccountNotFound,
    BadInput,
    NotSignedIn,
    PasswordRefused,
    Refused,
    TooManyTries,
)
from lifebuoy.store import Database, audit, open_database, schema
from lifebuoy.store.tables import Happening, api_keys, metadata
from lifebuoy.store.tables import sessions as sessions_table
from lifebuoy.store.times import stamp
from tests.postgres import Server

PASSWORD: Final = "correct horse battery"
WEB1: Final = Grant("web1 qemu /system", "00000000-0000-4000-8000-000000000001", "web", "web1")


def sign_in(database: Database, name: str, password: str, address: str) -> str:
    """The token of an account without a second factor."""
    entered = entering.sign_in(database, name, password, address)
    assert entered.missing is Missing.NOTHING
    return entered.token


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """One with its tables, and an account of each role."""
    if request.param == "sqlite":
        made = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    else:
        server: Server = request.getfixturevalue("postgres")
        made = open_database(server.create(f"accounts_{time.monotonic_ns()}"))
    schema.prepare(made)
    for role in Role:
        registry.add(made, role.value, role, PASSWORD, by="test")
    yield made
    made.close()


def test_the_password_opens_and_another_does_not(database: Database) -> None:
    token = sign_in(database, "owner", PASSWORD, "::1")
    found = sessions.identify(database, token)
    assert found is not None and found.account.name == "owner"
    with pytest.raises(NotSignedIn):
        sign_in(database, "owner", PASSWORD + "x", "::1")
    with pytest.raises(NotSignedIn):
        sign_in(database, "nobody", PASSWORD, "::1")


def test_neither_passwords_nor_tokens_nor_keys_are_in_the_database(database: Database) -> None:
    token = sign_in(database, "admin", PASSWORD, "::1")
    _, key = keys.add(database, "admin", "", {Permission.READ}, 1, by="test")
    with pytest.raises(NotSignedIn):
        sign_in(database, "typed-into-the-wrong-field", PASSWORD, "::1")
    kept = "\n".join(
        str(tuple(row)) for table in metadata.sorted_tables for row in _rows(database, table)
    )
    assert "argon2id" in kept
    for secret in (PASSWORD, token, key, csrf_of(token), "typed-into-the-wrong-field"):
        assert secret not in kept


def _rows(database: Database, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    with database.reading() as connection:
        return list(connection.execute(sa.select(table)).all())


def test_a_session_ends_by_signing_out_by_time_and_by_a_new_password(database: Database) -> None:
    first = sign_in(database, "owner", PASSWORD, "::1")
    sessions.sign_out(database, first)
    assert sessions.identify(database, first) is None
    second = sign_in(database, "owner", PASSWORD, "::1")
    registry.set_password(database, "owner", PASSWORD + "2", by="test")
    assert sessions.identify(database, second) is None
    third = sign_in(database, "owner", PASSWORD + "2", "::1")
    with database.writing() as connection:
        over = stamp(datetime.now(UTC) - timedelta(seconds=1))
        connection.execute(sessions_table.update().values(expires=over))
    assert sessions.identify(database, third) is None


def test_an_owner_sees_what_was_given_and_the_others_see_all(database: Database) -> None:
    registry.grant(database, "owner", WEB1, by="test")
    found = {
        role: sessions.identify(database, sign_in(database, role.value, PASSWORD, "::1"))
        for role in Role
    }
    for role, who in found.items():
        assert who is not None
        assert who.sees(WEB1.daemon, WEB1.instance)
        assert who.sees("db1 qemu /system", WEB1.instance) is (role is not Role.OWNER)
        assert (Permission.ADMINISTER in who.may) is (role is Role.ADMIN)
    registry.revoke(database, "owner", WEB1, by="test")
    token = sign_in(database, "owner", PASSWORD, "::1")
    owner = sessions.identify(database, token)
    assert owner is not None and not owner.sees(WEB1.daemon, WEB1.instance)


def test_a_key_may_what_both_its_scopes_and_its_account_may(database: Database) -> None:
    _, read = keys.add(database, "admin", "", {Permission.READ}, 1, by="test")
    found = keys.identify(database, read)
    assert found is not None and found.may == {Permission.READ}
    _, all_ = keys.add(database, "owner", "", set(Permission), 1, by="test")
    found = keys.identify(database, all_)
    assert found is not None and found.may == {Permission.READ, Permission.ACT}
    assert found.instances == frozenset()


def test_a_key_is_worthless_when_removed_or_over(database: Database) -> None:
    made, key = keys.add(database, "admin", "", {Permission.READ}, 1, by="test")
    with database.writing() as connection:
        over = stamp(datetime.now(UTC) - timedelta(seconds=1))
        connection.execute(api_keys.update().values(expires=over))
    assert keys.identify(database, key) is None
    keys.remove(database, made.id, by="test")
    with pytest.raises(AccountNotFound):
        keys.remove(database, made.id, by="test")


def test_an_account_that_is_removed_takes_its_sessions_and_keys_with_it(database: Database) -> None:
    token = sign_in(database, "operator", PASSWORD, "::1")
    _, key = keys.add(database, "operator", "", {Permission.READ}, 1, by="test")
    registry.remove(database, "operator", by="test")
    assert sessions.identify(database, token) is None
    assert keys.identify(database, key) is None


def test_who_guesses_must_wait_and_who_knows_starts_anew(database: Database) -> None:
    with pytest.raises(NotSignedIn):
        sign_in(database, "owner", "wrong password", "::1")
    last = datetime.now(UTC) + timedelta(minutes=5)  # no machine is so slow that it is over
    with database.writing() as connection:
        for _ in range(4):
            throttle.begin(connection, "owner", "::1", last)
    with pytest.raises(TooManyTries) as refused:
        sign_in(database, "owner", PASSWORD, "::1")
    assert refused.value.wait_s >= 1
    assert sign_in(database, "admin", PASSWORD, "::1")
    with database.writing() as connection:
        throttle.begin(connection, "owner", "::1", last + timedelta(seconds=2))
        throttle.accepted(connection, "owner", "::1")
    assert sign_in(database, "owner", PASSWORD, "::1")


def test_an_address_that_guesses_many_names_must_wait(database: Database) -> None:
    now = datetime.now(UTC)
    with database.writing() as connection:
        for number in range(30):
            throttle.begin(connection, f"name{number}", "192.0.2.1", now)
        with pytest.raises(TooManyTries):
            throttle.begin(connection, "admin", "192.0.2.1", now)
        throttle.begin(connection, "admin", "192.0.2.2", now)


def test_signing_in_often_is_no_guessing(database: Database) -> None:
    now = datetime.now(UTC)
    with database.writing() as connection:
        for _ in range(100):
            throttle.begin(connection, "owner", "192.0.2.1", now)
            throttle.accepted(connection, "owner", "192.0.2.1")


def test_who_tries_many_at_the_same_time_gets_no_more_tries(database: Database) -> None:
    def tried(_number: int) -> str:
        try:
            sign_in(database, "owner", "wrong password", "::1")
        except (NotSignedIn, TooManyTries) as error:
            return error.code
        return ""

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(tried, range(16)))
    assert 5 <= answers.count("not-signed-in") <= 7  # more only as seconds pass


def test_the_wait_grows_to_a_quarter_of_an_hour() -> None:
    waits = [throttle.delay_s(failures, 5) for failures in range(40)]
    assert waits[:8] == [0, 0, 0, 0, 0, 1, 2, 4]
    assert waits == sorted(waits) and waits[-1] == 900


def test_what_cannot_be_is_refused(database: Database) -> None:
    with pytest.raises(PasswordRefused):
        registry.add(database, "short", Role.OWNER, "short", by="test")
    for name in ("", "Ana", "ana@desk", "a b", "x" * 64, "../x"):
        with pytest.raises(BadInput):
            registry.add(database, name, Role.OWNER, PASSWORD, by="test")
    with pytest.raises(Refused):
        registry.add(database, "admin", Role.OWNER, PASSWORD, by="test")
    with pytest.raises(Refused):
        registry.grant(database, "admin", WEB1, by="test")
    with pytest.raises(AccountNotFound):
        registry.grant(database, "nobody", WEB1, by="test")


def test_what_happens_to_accounts_is_in_the_audit_log(database: Database) -> None:
    sign_in(database, "owner", PASSWORD, "192.0.2.7")
    registry.grant(database, "owner", WEB1, by="ana@desk")
    with database.reading() as connection:
        found = list(audit.entries(connection))
    assert (found[-2].event, found[-2].who) == (Happening.SIGNED_IN, "owner")
    assert "192.0.2.7" in found[-2].detail
    assert (found[-1].event, found[-1].who) == (Happening.ACCOUNT_CHANGED, "ana@desk")
    assert found[-1].name == "web1"
