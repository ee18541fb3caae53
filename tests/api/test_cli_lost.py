"""The command line and a server that is away, not to be trusted, or interrupted in the middle."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx
import pytest

from tests.api.embedded import Machine, embedded
from tests.api.remote import Remote, remote
from tests.api.server import V1, Server, ended, serving
from tests.libvirt.command import until

PASSWORD: Final = "Quiet-Word-9"
_END_S: Final = 120.0


@pytest.fixture(scope="module")
def there(played: Server) -> Remote:
    """An operator's command line."""
    return remote(played, "operator")


@contextmanager
def answering(
    handler: type[http.server.BaseHTTPRequestHandler], context: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Something else that listens on this machine; its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Page(http.server.BaseHTTPRequestHandler):
    """A web server that is none of ours."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>It works!</html>")

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class Older(Page):
    """A server of ours that does not know the call."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Type", "application/problem+json")
        self.end_headers()
        self.wfile.write(json.dumps({"type": "about:blank", "status": 404}).encode())


class Elsewhere(Page):
    """One that leads the key to another server."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(307)
        self.send_header("Location", f"http://{self.headers['Host']}/other")
        self.end_headers()


def other(command: Remote, url: str, key: str = "lifebuoy_not-a-key") -> Remote:
    return Remote("", command.home, url, key)


def test_what_is_wrong_with_the_way_to_a_server_is_told_with_a_next_step(there: Remote) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        error = other(there, away)("list", "--json").error()
        assert error["code"] == "server-unreachable" and "lifebuoy serve" in error["hint"]
    for handler, words in ((Page, "no Lifebuoy server"), (Older, "another version")):
        with answering(handler) as url:
            error = other(there, url)("list", "--json").error()
            assert error["code"] == "server-not-understood" and words in error["message"]
    with answering(Elsewhere) as url:
        error = other(there, url)("list", "--json").error()
        assert error["code"] == "server-not-understood"
        assert Elsewhere.seen and all(V1 in path for path in Elsewhere.seen)
    error = other(there, there.url)("list", "--json").error()
    assert error["code"] == "not-signed-in" and "api-key list" in error["hint"]
    for url in ("http://rescue.example", "rescue.example", "https://u:geheim@rescue.example"):
        error = other(there, url)("list", "--json").error()
        assert error["code"] == "bad-input" and "geheim" not in json.dumps(error)


def test_the_key_is_this_users_alone(there: Remote, tmp_path: Path) -> None:
    keyless = other(there, there.url, "")
    asked = keyless("list", "--json").error()
    assert asked["code"] == "not-signed-in" and "LIFEBUOY_API_KEY" in asked["hint"]
    file = tmp_path / "key"
    file.write_text(there.key + "\n")
    config = tmp_path / "config.toml"
    config.write_text(f'[client]\nurl = "{there.url}"\nkey_file = "{file}"\n')
    named = ["--config", str(config)]
    for mode, status in ((0o644, 2), (0o600, 0)):
        file.chmod(mode)
        answer = _plain(there, *named, "list")
        assert answer.returncode == status and there.key not in answer.stdout + answer.stderr
    beside = tmp_path / "api-key"
    beside.write_text(there.key)
    beside.chmod(0o600)
    config.write_text("")
    environment = {"LIFEBUOY_SERVER": there.url}
    assert _plain(there, *named, "list", **environment).returncode == 0
    shown = _plain(there, *named, "config", "show", **environment).stdout
    assert there.url in shown and "LIFEBUOY_SERVER" in shown and there.key not in shown


def _plain(there: Remote, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it without ``--server`` and the key."""
    environment = {k: v for k, v in there.environment().items() if k != "LIFEBUOY_API_KEY"} | more
    line = [*there.words()[:3], *words]
    return subprocess.run(
        line, env=environment, capture_output=True, text=True, timeout=_END_S, check=False
    )


def test_a_certificate_is_checked_and_an_authority_of_ones_own_can_be_named(
    there: Remote, tmp_path: Path
) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with answering(Older, context) as url:
        error = other(there, url)("list", "--json").error()
        assert error["code"] == "server-unreachable" and "client.ca_file" in error["hint"]
        assert "not trusted" in error["message"]
        named = {"LIFEBUOY_CLIENT__CA_FILE": str(tmp_path / "cert.pem"), "LIFEBUOY_SERVER": url}
        answer = _plain(there, "list", "--json", LIFEBUOY_API_KEY=there.key, **named)
        assert json.loads(answer.stderr)["error"]["code"] == "server-not-understood"
        plain = other(there, url.replace("https", "http"))("list", "--json").error()
        assert plain["code"] == "server-unreachable"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The stopped instance of an embedded libvirt; nothing runs afterwards."""
    with embedded() as made:
        yield made


def begun(command: Remote, *words: str) -> subprocess.Popen[str]:
    """An entering that waits for a rescue system which never answers."""
    process = subprocess.Popen(
        command.words("rescue", "enter", "vm", "--password-stdin", *words),
        env=command.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(PASSWORD + "\n")
    process.stdin.close()
    process.stdin = None
    return process


def newest(client: httpx.Client) -> dict[str, Any]:
    """The operation that was asked for last."""
    found: list[dict[str, Any]] = client.get(f"{V1}/operations").json()["operations"]
    return found[0] if found else {}


def waits(client: httpx.Client) -> bool:
    """Whether that one waits for the rescue system."""
    found = newest(client)
    if found.get("state") != "running":
        return False
    steps = client.get(f"{V1}/operations/{found['id']}").json()["steps"]
    return bool(steps) and steps[-1]["name"].startswith("wait until")


@pytest.mark.turn(1, 2)
def test_ctrl_c_rolls_back_and_a_restart_of_the_server_is_waited_for(machine: Machine) -> None:
    with serving(machine.command) as server:
        server.account("root", "admin")
        command = remote(server, "root")
        with server.client(command.key) as client:
            process = begun(command)
            assert until(lambda: waits(client))
            assert PASSWORD not in _processes() and command.key not in _processes()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=_END_S)
            assert (process.returncode, out) == (130, ""), err
            assert "rolled back as soon as" in err and "[cancelled]" in err and ": undone" in err
            assert newest(client)["state"] == "cancelled"
            assert client.get(f"{V1}/instances/-/{machine.uuid}").json()["state"] == "STOPPED"

            process = begun(command, "--timeout", "15", "--json")
            assert until(lambda: waits(client))
        assert server.end() == 0
        time.sleep(2)  # it is asked meanwhile
        assert process.poll() is None, process.communicate()
        server.start()
        out, err = process.communicate(timeout=_END_S)
        with server.client(command.key) as client:
            found = newest(client)
            assert found["attempts"] == 2
            if found["state"] == "done":
                assert json.loads(out)["state"] == "RESCUE_MODE"
                left = client.post(f"{V1}/instances/-/{machine.uuid}/rescue/exit", json={})
                assert ended(client, left.json()["id"])["state"] == "done"
            else:
                assert json.loads(err)["error"]["message"] == found["error"]["message"]
            assert PASSWORD not in server.log.read_text()


def _processes() -> str:
    """The command lines of all processes that can be seen."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it has ended
                found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
    return "\n".join(found)


class Forgetful(http.server.BaseHTTPRequestHandler):
    """Passes requests on, and loses the first answer to each that changes something."""

    target: ClassVar[str] = ""
    keys: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._pass(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._pass(body)

    def _pass(self, body: bytes) -> None:
        kept = ("Authorization", "Content-Type", "Idempotency-Key")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        answer = httpx.request(
            self.command, self.target + self.path, content=body, headers=headers, timeout=60
        )
        if self.command == "POST":
            self.keys.append(headers["Idempotency-Key"])
            if len(self.keys) == 1:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class Holding(Forgetful):
    """Holds the answer to what changes something back until it is told."""

    arrived: ClassVar[threading.Event] = threading.Event()
    go: ClassVar[threading.Event] = threading.Event()
    keys: ClassVar[list[str]] = ["an earlier one"]

    def send_response(self, code: int, message: str | None = None) -> None:
        if self.path.endswith("/enter"):
            self.arrived.set()
            self.go.wait(60)
        super().send_response(code, message)


def test_ctrl_c_before_the_answer_has_come_rolls_back_what_was_begun(machine: Machine) -> None:
    with serving(machine.command) as server:
        server.account("early", "operator")
        key = server.key("early", "read", "act")
        Holding.target = server.url
        with answering(Holding) as url, server.client(key) as client:
            process = begun(other(remote(server, "early"), url, key))
            assert Holding.arrived.wait(60)
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            Holding.go.set()
            out, err = process.communicate(timeout=_END_S)
            assert (process.returncode, out) == (130, ""), err
            assert newest(client)["state"] == "cancelled", err
            assert client.get(f"{V1}/instances/-/{machine.uuid}").json()["state"] == "STOPPED"


def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    played: Server, there: Remote
) -> None:
    Forgetful.target = played.url
    with played.client(there.key) as client:
        before = len(client.get(f"{V1}/operations?limit=500").json()["operations"])
        with answering(Forgetful) as url:
            answer = other(there, url, there.key)("reboot", "test")
        assert answer.status == 0, answer.err
        after = len(client.get(f"{V1}/operations?limit=500").json()["operations"])
    assert len(Forgetful.keys) == 2 and len(set(Forgetful.keys)) == 1
    assert after == before + 1
