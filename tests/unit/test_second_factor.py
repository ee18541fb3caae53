"""The second factor of an account: set up, asked for, used once, taken back; and what seals it."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyotp
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from lifebuoy.accounts import entering, registry, second_factor, sessions, totp
from lifebuoy.accounts.entering import Missing
from lifebuoy.accounts.model import Account, Role
from lifebuoy.accounts.vault import Vault, open_vault
from lifebuoy.errors import (
    BadInput,
    CodeRefused,
    NotSignedIn,
    Refused,
    TooManyTries,
    VaultClosed,
)
from lifebuoy.store import Database, open_database, schema
from lifebuoy.store.tables import half_sign_ins, metadata
from tests.postgres import Server

PASSWORD: Final = "correct horse battery"
NONE: Final[frozenset[Role]] = frozenset()
VAULT: Final = Vault(Fernet.generate_key())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """One with its tables, and the account of an operator."""
    if request.param == "sqlite":
        made = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    else:
        server: Server = request.getfixturevalue("postgres")
        made = open_database(server.create(f"factors_{time.monotonic_ns()}"))
    schema.prepare(made)
    registry.add(made, "ann", Role.OPERATOR, PASSWORD, by="test")
    yield made
    made.close()


def ann(database: Database) -> Account:
    with database.reading() as connection:
        return registry.named(connection, "ann")


def code(secret: str, steps: int = 0) -> str:
    """The app's code so many steps of 30 seconds from now."""
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + steps)


def set_up(database: Database) -> tuple[str, list[str]]:
    """The app's secret and the recovery codes; the code of this step was used."""
    made = second_factor.propose(VAULT, ann(database))
    return made.secret, second_factor.confirm(
        database, ann(database), made, code(made.secret), "::1"
    )


def half(database: Database, required: frozenset[Role] = NONE) -> entering.Entered:
    return entering.sign_in(database, "ann", PASSWORD, "::1", required)


def finish(database: Database, given: str, required: frozenset[Role] = NONE) -> str:
    token = half(database, required).token
    return entering.finish(database, VAULT, token, given, "::1", required)


def test_the_password_alone_opens_nothing_any_more(database: Database) -> None:
    secret, _ = set_up(database)
    entered = half(database)
    assert entered.missing is Missing.CODE
    assert sessions.identify(database, entered.token) is None
    token = entering.finish(database, VAULT, entered.token, code(secret, 1), "::1", NONE)
    found = sessions.identify(database, token)
    assert found is not None and found.account.name == "ann"
    with pytest.raises(NotSignedIn):  # the half is used up
        entering.finish(database, VAULT, entered.token, code(secret, 1), "::1", NONE)


def test_a_code_counts_once_and_none_before_it_counts_afterwards(database: Database) -> None:
    secret, _ = set_up(database)
    used = code(secret, 1)
    assert finish(database, used)
    for again in (used, code(secret), code(secret, -1)):
        with pytest.raises(CodeRefused):
            finish(database, again)


def test_of_two_who_come_with_the_same_code_one_gets_in(database: Database) -> None:
    secret, _ = set_up(database)
    given, tokens = code(secret, 1), [half(database).token for _ in range(4)]

    def tried(token: str) -> bool:
        try:
            return bool(entering.finish(database, VAULT, token, given, "::1", NONE))
        except CodeRefused:
            return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(tried, tokens)) == 1


def test_a_recovery_code_counts_once_however_it_is_typed(database: Database) -> None:
    _, codes = set_up(database)
    assert len(set(codes)) == 10
    assert finish(database, f" {codes[0].upper().replace('-', ' ')} ")
    assert second_factor.of(database, ann(database)).recovery == 9
    with pytest.raises(CodeRefused):
        finish(database, codes[0])
    fresh = second_factor.new_recovery(database, ann(database))
    with pytest.raises(CodeRefused):
        finish(database, codes[1])
    assert finish(database, fresh[0])


def test_wrong_codes_are_slowed_down_whoever_knows_the_password(database: Database) -> None:
    secret, _ = set_up(database)
    for _ in range(5):
        with pytest.raises(CodeRefused):
            finish(database, "000 000")
    with pytest.raises(TooManyTries):
        finish(database, code(secret, 1))


def test_a_role_that_must_have_one_sets_it_up_before_it_gets_in(database: Database) -> None:
    required = frozenset({Role.OPERATOR})
    entered = half(database, required)
    assert entered.missing is Missing.SET_UP
    assert sessions.identify(database, entered.token) is None
    with pytest.raises(NotSignedIn):
        entering.finish(database, VAULT, entered.token, "123456", "::1", required)
    made = second_factor.propose(VAULT, ann(database))
    assert second_factor.proposed(VAULT, ann(database), made.sealed) == made
    with pytest.raises(CodeRefused):
        entering.finish_setting_up(database, entered.token, made, "abc", "::1", required)
    token, codes = entering.finish_setting_up(
        database, entered.token, made, code(made.secret), "::1", required
    )
    assert sessions.identify(database, token) and len(codes) == 10


def test_who_has_one_cannot_be_given_another_by_half_a_sign_in(database: Database) -> None:
    set_up(database)
    token = half(database, frozenset({Role.OPERATOR})).token
    made, required = second_factor.propose(VAULT, ann(database)), frozenset({Role.OPERATOR})
    right = code(made.secret)
    with pytest.raises(Refused):
        second_factor.confirm(database, ann(database), made, right, "::1")
    with pytest.raises(NotSignedIn):
        entering.finish_setting_up(database, token, made, right, "::1", required)


def test_turning_it_on_ends_the_other_sessions(database: Database) -> None:
    kept, other = half(database).token, half(database).token
    made = second_factor.propose(VAULT, ann(database))
    second_factor.confirm(database, ann(database), made, code(made.secret), "::1", keep=kept)
    assert sessions.identify(database, kept) and not sessions.identify(database, other)


def test_an_admin_takes_it_back_and_all_must_sign_in_again(database: Database) -> None:
    secret, _ = set_up(database)
    token, started = finish(database, code(secret, 1)), half(database).token
    second_factor.reset(database, "ann", by="test")
    assert sessions.identify(database, token) is None
    with pytest.raises(NotSignedIn):
        entering.finish(database, VAULT, started, code(secret, 1), "::1", NONE)
    assert half(database).missing is Missing.NOTHING
    with pytest.raises(Refused):
        second_factor.reset(database, "ann", by="test")


def test_a_new_password_ends_what_was_begun_with_the_old_one(database: Database) -> None:
    secret, _ = set_up(database)
    token = half(database).token
    registry.set_password(database, "ann", PASSWORD + "2", by="test")
    with pytest.raises(NotSignedIn):
        entering.finish(database, VAULT, token, code(secret), "::1", NONE)


def test_half_a_sign_in_is_worth_nothing_later(database: Database) -> None:
    secret, _ = set_up(database)
    token = half(database).token
    with database.writing() as connection:
        connection.execute(half_sign_ins.update().values(expires="2020-01-01T00:00:00.000Z"))
    with pytest.raises(NotSignedIn):
        entering.finish(database, VAULT, token, code(secret), "::1", NONE)


def test_the_database_has_neither_the_secret_nor_the_codes(database: Database) -> None:
    secret, codes = set_up(database)
    token = half(database).token
    kept = ""
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            kept += "\n".join(str(tuple(row)) for row in connection.execute(sa.select(table)))
    assert "second-factor-on" in kept
    for one in (secret, token, *codes, *(code.replace("-", "") for code in codes)):
        assert one not in kept


def test_with_another_key_it_is_refused_and_said_why(database: Database) -> None:
    secret, _ = set_up(database)
    token = half(database).token
    other = Vault(Fernet.generate_key())
    with pytest.raises(VaultClosed) as refused:
        entering.finish(database, other, token, code(secret), "::1", NONE)
    assert "server.key_file" in refused.value.hint and secret not in refused.value.message


def test_a_sealed_secret_opens_for_what_it_was_sealed_for_alone() -> None:
    sealed = VAULT.seal("word", "second factor of a")
    assert VAULT.open(sealed, "second factor of a") == "word" and "word" not in sealed
    for wrong in (sealed[:-4] + "AAA=", "", "\udcff"):
        with pytest.raises(VaultClosed):
            VAULT.open(wrong, "second factor of a")
    with pytest.raises(VaultClosed):
        VAULT.open(sealed, "second factor of b")


def test_the_key_is_made_once_and_its_file_is_its_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "server.key"
    with ThreadPoolExecutor(4) as threads:
        vaults = list(threads.map(lambda _: open_vault(path), range(4)))
    assert {one.open(vaults[0].seal("x", "y"), "y") for one in vaults} == {"x"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["server.key"]
    path.chmod(0o640)
    with pytest.raises(BadInput, match="others"):
        open_vault(path)
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(BadInput, match="no key"):
        open_vault(path)


def test_a_clock_may_be_a_step_off_and_no_more() -> None:
    secret, now = totp.new_secret(), datetime(2026, 1, 1, tzinfo=UTC)
    step = int(now.timestamp()) // 30
    found = {
        off: totp.step_of(secret, pyotp.TOTP(secret).generate_otp(step + off), now, 0)
        for off in (-2, -1, 0, 1, 2)
    }
    assert found == {-2: None, -1: step - 1, 0: step, 1: step + 1, 2: None}
