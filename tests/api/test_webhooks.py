"""Webhooks from the real server: signed, tried again, not lost when it is killed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.receiver import Came, Receiver, receiving
from tests.api.server import V1, Server, ended, serving, written
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command, until, validated

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
INSTANCE: Final = f"{V1}/instances/-/{UUID}"
KEY: Final = b"thirty-two bytes that nobody has"
SECRET: Final = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def command(receiver: Receiver) -> Iterator[Command]:
    """Of a user whose settings have one webhook, to the receiver."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    secret = home / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    file = home / "CONFIG" / "lifebuoy" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'[webhooks.hook]\nurl = "{receiver.url}"\nsecret_file = "{secret}"\n')
    yield Command("test:///default", home)
    shutil.rmtree(home)


def reboot(server: Server) -> str:
    """An operation that has ended; its id."""
    with server.client(server.key("ana", "read", "act")) as client:
        made = client.post(f"{INSTANCE}/reboot").json()["id"]
        assert ended(client, made)["state"] == "done"
        return str(made)


def told(came: Came) -> dict[str, Any]:
    """What was said, after a check of the signature as a receiver makes it."""
    signed = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(KEY, signed + came.body, hashlib.sha256).digest()
    assert came.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert abs(int(came.headers["webhook-timestamp"]) - time.time()) < 300
    found: dict[str, Any] = validated(came.body.decode(), "webhook")
    return found


def kinds(receiver: Receiver) -> list[str]:
    return [json.loads(came.body)["type"] for came in receiver.came]


def test_what_happens_is_told_signed_and_again_until_it_is_taken(
    command: Command, receiver: Receiver
) -> None:
    refused = iter([500, 302])
    receiver.answer = lambda came: next(refused, 204) if b".ended" in came.body else 204
    with serving(command) as server:
        server.account("ana", "operator")
        assert until(lambda: settled(command))
        operation = reboot(server)
        assert until(lambda: kinds(receiver).count("operation.ended") == 3, 60)
        with server.client(server.key("ana", "act")) as client:
            assert client.post(f"{INSTANCE}/renew", json={"days": 3}).status_code == 200
        assert until(lambda: "instance.renewed" in kinds(receiver))
        assert server.end() == 0
        log = server.log.read_text()
    tries = [came for came in receiver.came if told(came)["type"] == "operation.ended"]
    assert len(tries) == 3 and len({came.body for came in tries}) == 1
    assert len({came.headers["webhook-id"] for came in tries}) == 1
    done = told(tries[0])["data"]
    assert (done["operation"], done["outcome"]) == (operation, "done")
    assert (done["uuid"], done["kind"], done["who"]) == (UUID, "reboot", "ana")
    assert {came.path for came in receiver.came} == {"/hook"}, "a redirect was followed"
    assert len({came.headers["webhook-id"] for came in receiver.came}) == 3
    assert '"HTTP 500"' in log and '"HTTP 302"' in log
    for content in [log.encode(), *written(command.home / "STATE")]:
        assert SECRET.encode() not in content and KEY not in content


def test_a_server_that_is_killed_while_it_tells_tells_it_afterwards(
    command: Command, receiver: Receiver
) -> None:
    hold, held = threading.Event(), threading.Event()

    def answer(came: Came) -> int:
        if json.loads(came.body)["type"] == "operation.ended":
            held.set()
            hold.wait(60)
        return 204

    receiver.answer = answer
    with serving(command) as server:
        server.account("ana", "operator")
        assert until(lambda: settled(command))
        reboot(server)
        assert held.wait(60)
        server.end(signal.SIGKILL)
        hold.set()
        before = len(receiver.came)
        server.start()
        assert until(lambda: len(receiver.came) > before, 60)
        assert told(receiver.came[-1])["type"] == "operation.ended"
        ids = [came.headers["webhook-id"] for came in receiver.came if b".ended" in came.body]
        assert len(ids) == 2 and ids[0] == ids[1]


def test_a_secret_that_cannot_be_used_is_refused_at_the_start(command: Command) -> None:
    def refused() -> str:
        error = command("serve", "--listen", "127.0.0.1:0", "--json").error()
        assert error["code"] == "bad-input"
        return str(error["message"])

    secret = command.home / "secret"
    secret.chmod(0o644)
    assert "others may read" in refused()
    secret.chmod(0o600)
    secret.write_text("too short")
    assert "fewer than" in refused() and "too short" not in refused()
    secret.unlink()
    assert "cannot read" in refused()


def settled(command: Command) -> bool:
    """Whether the webhook is on record, so that it is told of what happens from now on."""
    import sqlite3
    from contextlib import closing

    file = command.home / "STATE" / "lifebuoy" / "lifebuoy.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        return bool(connection.execute("SELECT * FROM webhook_places").fetchall())
