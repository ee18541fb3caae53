"""Webhooks without a server: addresses, secrets, and what of the audit log is told when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.errors import BadInput
from lifebuoy.settings.listening import require_url
from lifebuoy.store import Database, audit, open_database, schema
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening
from lifebuoy.store.times import stamp
from lifebuoy.webhooks import outbox
from lifebuoy.webhooks.model import Hook, headers_of, secret_of

NOW: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = open_database(f"sqlite:///{tmp_path}/db.sqlite")
    schema.prepare(made)
    return made


def happens(database: Database, event: Happening = Happening.ENDED, name: str = "web1") -> None:
    with database.writing() as connection:
        audit.add(connection, Entry(stamp(NOW), "ana", event, "stop", "here", "uuid", name))


def test_the_signature_is_that_of_the_published_example() -> None:
    """Of the description of Standard Webhooks, so that its libraries check ours."""
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = headers_of(
        Hook("a", "http://b", secret),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a/b", "file:///etc/passwd", "http://", "https://u:p@a/b", "http://a/b#c", "//a/b"],
)
def test_it_is_sent_by_http_alone_and_its_address_holds_no_password(url: str) -> None:
    with pytest.raises(BadInput):
        require_url(url)


def test_a_secret_is_long_and_never_repeated() -> None:
    for text in ("", "short-secret", "whsec_c2hvcnQ=", "whsec_not*base64"):
        with pytest.raises(BadInput) as caught:
            secret_of(text)
        assert not text or text not in caught.value.message + caught.value.hint
    assert secret_of("x" * 24 + "\n") == b"x" * 24
    assert "x" * 24 not in repr(Hook("a", "http://b", b"x" * 24))


def test_a_new_webhook_is_told_of_what_happens_from_then_on(database: Database) -> None:
    happens(database)
    outbox.gather(database, "a", NOW)
    assert outbox.take(database, "a", NOW) is None
    happens(database, name="web2")
    happens(database, Happening.SIGNED_IN, "web3")
    outbox.gather(database, "a", NOW)
    found = outbox.take(database, "a", NOW)
    assert found is not None and (found.entry.name, found.attempts) == ("web2", 1)
    assert outbox.take(database, "a", NOW) is None


def test_a_try_that_nobody_ends_is_made_again_under_the_same_id(database: Database) -> None:
    outbox.gather(database, "a", NOW)
    happens(database)
    outbox.gather(database, "a", NOW)
    first = outbox.take(database, "a", NOW)
    assert first is not None and outbox.take(database, "a", NOW + outbox.LEASE / 2) is None
    second = outbox.take(database, "a", NOW + outbox.LEASE)
    assert second is not None and (second.id, second.attempts) == (first.id, 2)
    outbox.settle(database, second, NOW + timedelta(hours=1))
    assert outbox.take(database, "a", NOW + timedelta(minutes=59)) is None
    third = outbox.take(database, "a", NOW + timedelta(hours=1))
    assert third is not None
    outbox.settle(database, third, None)
    assert outbox.take(database, "a", NOW + timedelta(days=9)) is None


def test_what_was_told_is_forgotten_and_not_told_again(database: Database) -> None:
    outbox.gather(database, "a", NOW)
    for name in ("web1", "web2"):
        happens(database, name=name)
    outbox.gather(database, "a", NOW)
    while (found := outbox.take(database, "a", NOW)) is not None:
        outbox.settle(database, found, None)
    later = NOW + timedelta(hours=1)
    for _ in range(3):
        outbox.gather(database, "a", later)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT * FROM webhook_deliveries").fetchall() == []
    assert outbox.take(database, "a", later) is None


def test_many_lines_at_once_are_all_told_and_each_webhook_has_its_own(database: Database) -> None:
    for hook in ("a", "b"):
        outbox.gather(database, hook, NOW)
    for number in range(250):
        happens(database, name=f"web{number}")
    later = NOW + timedelta(hours=1)
    for hook in ("a", "b"):
        names = []
        for _ in range(5):
            outbox.gather(database, hook, later)
            while (found := outbox.take(database, hook, later)) is not None:
                names.append(found.entry.name)
                outbox.settle(database, found, None)
        assert names == [f"web{number}" for number in range(250)]
