"""A start that waits for a worker while the instance's time ends: it is refused as it begins."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.expiry import ExpiryRules, RenewRequest
from lifebuoy.hypervisor import Host, connect
from lifebuoy.model import StopMode
from lifebuoy.operations import asking, history, power, renewing
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.serving import Worker
from lifebuoy.store import open_database
from lifebuoy.store.expiries import About, change
from lifebuoy.store.records import Record
from tests.libvirt import playing
from tests.libvirt.command import until

pytestmark = pytest.mark.usefixtures("play_folder")

NAME: Final = "vm0"
_PAST: Final = "2020-01-01T00:00:00Z"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Context]:
    """A play host whose one instance is stopped."""
    with connect(f"test://{playing.play_host(tmp_path, 1)}", state_dir=tmp_path) as host:
        made = playing.context(host, tmp_path)
        power.stop(made, power.StopRequest(NAME, StopMode.HARD, consent=True))
        yield made


class _One:
    def __init__(self, there: Context) -> None:
        self._contexts = {daemon_of(there.host): there}

    def contexts(self) -> Mapping[str, Context]:
        return self._contexts


def end_at(engine: Engine, host: Host, end: str) -> None:
    """Its time ends, or has ended, then: only a clock makes a date one that is over."""
    about = About(daemon_of(host), host.domain(NAME).uuid, "", NAME)
    with engine.database.writing() as connection:
        change(connection, about, "", end)


def waiting_start(engine: Engine, there: Context) -> Record:
    domain = there.host.domain(NAME)
    return asking.submit(engine.database, there, power.START, domain, {"watch_s": 0}, "me")


def worked(engine: Engine, there: Context, record: Record) -> Record:
    """The operation once a worker has ended it."""
    stop = threading.Event()
    thread = threading.Thread(target=Worker(engine, _One(there), "worker").serve, args=(stop,))
    thread.start()
    try:
        assert until(lambda: history.account(engine.database, record.id).record.is_finished)
        return history.account(engine.database, record.id).record
    finally:
        stop.set()
        thread.join()


def test_a_start_that_waited_past_the_end_is_refused_and_one_after_renewing_is_done(
    there: Context, tmp_path: Path
) -> None:
    engine = Engine(open_database(f"sqlite:///{tmp_path}/operations.sqlite"))
    try:
        asked = waiting_start(engine, there)
        end_at(engine, there.host, _PAST)
        found = worked(engine, there, asked)
        assert (found.standing, found.error and found.error["code"]) == ("failed", "expired")
        assert not there.host.domain(NAME).active
        assert history.account(engine.database, asked.id).steps == ()
        renewing.renew(engine.database, there, NAME, RenewRequest(days=30), "me")
        assert worked(engine, there, waiting_start(engine, there)).standing == "done"
        assert there.host.domain(NAME).active
    finally:
        engine.close()


def test_where_the_settings_say_that_it_does_not_matter_it_is_started(
    there: Context, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    engine = Engine(database, expiry=ExpiryRules(refuses_start=False))
    try:
        asked = waiting_start(engine, there)
        end_at(engine, there.host, _PAST)
        assert worked(engine, there, asked).standing == "done"
        assert there.host.domain(NAME).active
    finally:
        engine.close()
