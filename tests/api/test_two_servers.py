"""Two servers for the same host, with one PostgreSQL: each thing happens once, whichever is asked.

They are behind one name as a rule; here each is asked at its own address.
"""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from lifebuoy.hypervisor import Host, connect
from lifebuoy.store import Database, open_database
from lifebuoy.store.tables import observed, operations
from tests.api.pages import signed_in
from tests.api.receiver import Came, Receiver, receiving
from tests.api.server import V1, Server, ended, events, serving
from tests.boot import machine
from tests.conftest import SHORT_TMP, Daemon
from tests.libvirt.command import Command, idle_iso, until
from tests.postgres import Server as Postgres

NAME: Final = "shared"
#: So many sign-ins with a name may be refused before the next one must wait.
_FREE: Final = 5


@dataclass
class Two:
    """The servers; ``webhooks`` come from 'first' at /first and from 'second' at /second."""

    first: Server
    second: Server
    uuid: str
    host: Host
    receiver: Receiver
    database: Database

    @property
    def place(self) -> str:
        return f"{V1}/instances/-/{self.uuid}"

    def key(self) -> str:
        return self.first.key("ana", "read", "act")


@pytest.fixture(scope="module")
def host(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The host's administrator, who has made an instance."""
    daemon.add_pool("media")
    state = tmp_path_factory.mktemp("host")
    with connect(daemon.uri, state_dir=state, pool="media") as made:
        domain = machine.settled(made, machine.bare(NAME))
        yield made
        machine.forget(made, domain)


@pytest.fixture
def two(host: Host, daemon: Daemon, postgres: Postgres) -> Iterator[Two]:
    """Two servers that know of the host, each with settings and a home of its own."""
    database = postgres.create(f"two_{time.monotonic_ns()}")
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        commands = []
        for name in ("first", "second"):
            home = Path(tempfile.mkdtemp(prefix="lbt-", dir=SHORT_TMP))
            stack.callback(shutil.rmtree, home)
            secret = home / "secret"
            secret.write_text("a secret of more than thirty-two bytes")
            secret.chmod(0o600)
            file = home / "CONFIG" / "lifebuoy" / "config.toml"
            file.parent.mkdir(parents=True)
            url = receiver.url.replace("/hook", f"/{name}")
            file.write_text(
                f'database = "{database}"\npool = "media"\n'
                f'[webhooks.hook]\nurl = "{url}"\nsecret_file = "{secret}"\n'
            )
            commands.append(Command(daemon.uri, home))
            image = idle_iso(home / "idle.iso")
            added = commands[-1]("image", "add", str(image), "--id", "idle", "--name", "Idle")
            assert added.status == 0, added.err
        servers = [stack.enter_context(serving(command)) for command in commands]
        servers[0].account("ana", "operator")
        domain = host.domain(NAME)
        ours = open_database(database)
        stack.callback(ours.close)
        yield Two(servers[0], servers[1], domain.uuid, host, receiver, ours)
        machine.kill(domain)


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """What came, as type and operation, or detail."""
    found = [json.loads(came.body) for came in list(receiver.came)]
    return [(one["type"], one["data"]["operation"] or one["data"]["detail"]) for one in found]


def looked(two: Two) -> bool:
    """Whether somebody has looked at the instance since the last operation."""
    with two.database.reading() as connection:
        seen = connection.execute(sa.select(observed.c.seen)).scalar() or ""
        ended_ = connection.execute(sa.select(sa.func.max(operations.c.finished))).scalar() or ""
    return bool(seen > ended_)


def powered(client: httpx.Client, two: Two, *actions: str, watch_s: float = 0.0) -> list[str]:
    """The ids of these, each once it is done."""
    ids = []
    for action in actions:
        # a boot that is watched ends long after libvirt has told of the start
        body = {"mode": "hard", "consent": True} if action == "stop" else {"watch_s": watch_s}
        made = client.post(f"{two.place}/{action}", json=body)
        assert made.status_code == 202, made.text
        ids.append(made.json()["id"])
        assert ended(client, ids[-1])["state"] == "done"
    return ids


CHANGED: Final = "it was RUNNING and is STOPPED"


def test_each_event_is_told_once_by_one_of_them(two: Two) -> None:
    with two.first.client(two.key()) as first, two.second.client(two.key()) as second:
        ids = powered(first, two, "start", "stop") + powered(second, two, "start", watch_s=3.0)
        assert until(lambda: looked(two))  # else it might be what an operation has led to
        two.host.domain(NAME).destroy()  # by somebody else, which both notice
        assert until(lambda: ("instance.changed", CHANGED) in told(two.receiver))
        kinds = ("operation.asked", "operation.ended")
        wanted = [(kind, id_) for id_ in ids for kind in kinds] + [("instance.changed", CHANGED)]
        assert until(lambda: set(wanted) <= set(told(two.receiver)))
        time.sleep(3)  # a second telling would come now
        assert Counter(told(two.receiver)) == Counter(wanted)
        assert {came.path for came in two.receiver.came} == {"/first", "/second"}


@pytest.mark.slow  # whoever was killed had so long to tell it
def test_what_a_killed_server_was_telling_the_other_tells(two: Two) -> None:
    hold, held = threading.Event(), threading.Event()
    teller: list[str] = []

    def answer(came: Came) -> int:
        if json.loads(came.body)["type"] == "operation.ended" and not held.is_set():
            teller.append(came.path)
            held.set()
            hold.wait(60)
        return 204

    two.receiver.answer = answer
    with two.first.client(two.key()) as client:
        (made,) = powered(client, two, "start")
    assert held.wait(60)
    dead, left = (two.first, two.second)
    if teller == ["/second"]:
        dead, left = left, dead
    dead.end(signal.SIGKILL)
    hold.set()
    ended_ = ("operation.ended", made)
    assert until(lambda: told(two.receiver).count(ended_) == 2, 60)
    tries = [came for came in two.receiver.came if b".ended" in came.body]
    assert len({came.path for came in tries}) == 2
    assert len({came.headers["webhook-id"] for came in tries}) == 1
    with left.client(two.key()) as client:  # and what happens from now on
        (other,) = powered(client, two, "stop")
    assert until(lambda: ("operation.ended", other) in told(two.receiver))


def test_what_is_asked_of_one_is_seen_through_the_other_and_done_once(two: Two) -> None:
    with two.first.client(two.key()) as first, two.second.client(two.key()) as second:
        body = {"password": "Quiet-Word-5"}
        same = {"Idempotency-Key": "one of mine"}
        made = first.post(f"{two.place}/rescue/enter", json=body, headers=same)
        assert made.status_code == 202, made.text
        id_ = made.json()["id"]
        again = second.post(f"{two.place}/rescue/enter", json=body, headers=same)
        assert again.status_code == 202 and again.json()["id"] == id_
        busy = second.post(f"{two.place}/start", json={})
        assert busy.status_code == 409, busy.text
        seen = events(second, id_)
        for _name, one in seen:  # it waits for a rescue system that never answers
            if one["steps"] and one["steps"][-1]["name"].startswith("wait until"):
                break
        assert second.post(f"{V1}/operations/{id_}/cancel").status_code < 300
        last = [one for name, one in seen if name == "operation"][-1]
        assert last["state"] == "cancelled"
        assert first.get(f"{V1}/operations/{id_}").json()["state"] == "cancelled"
        listed: list[dict[str, Any]] = second.get(f"{V1}/operations").json()["operations"]
        assert [one["id"] for one in listed].count(id_) == 1


def test_what_is_asked_of_both_at_the_same_moment_with_one_key_is_done_once(two: Two) -> None:
    servers, key = (two.first, two.second) * 4, two.key()
    together = threading.Barrier(len(servers))

    def renewed(server: Server, one_key: str) -> httpx.Response:
        headers = {"Idempotency-Key": one_key} if one_key else {}
        with server.client(key) as client:
            together.wait(30)
            return client.post(f"{two.place}/renew", json={"days": 1}, headers=headers)

    with ThreadPoolExecutor(len(servers)) as pool:
        answers = list(pool.map(renewed, servers, ["mine"] * len(servers)))
        assert {one.status_code for one in answers} == {200}, [one.text for one in answers]
        assert two.first.command("audit", "--json").out.count('"renewed"') == 1
        # each with a key of its own adds a day to what it finds
        answers = list(pool.map(renewed, servers, [""] * len(servers)))
        assert {one.status_code for one in answers} == {200}, [one.text for one in answers]
        assert len({one.json()["expires"] for one in answers}) == len(servers)


def test_somebody_signed_in_at_one_is_at_the_other_and_guesses_count_at_both(two: Two) -> None:
    two.first.account("bea", "operator")
    with signed_in(two.first, "bea") as browser:
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())}
        with two.second.client() as other:
            assert other.get("/instances", headers=cookie).status_code == 200

    def tried(server: Server, password: str) -> int:
        with server.client() as client:
            form = {"name": "ana", "password": password}
            return client.post("/login", data=form).status_code

    guesses = 0
    while tried((two.first, two.second)[guesses % 2], "a guess") == 401:
        guesses += 1
        assert guesses < 2 * _FREE, "each counts for itself"
    assert guesses >= _FREE
