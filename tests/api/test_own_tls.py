"""TLS by certificate files, with an authority of the test's own."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.api.server import PASSWORD, Server, serving
from tests.daemon.certificates import Authority, Pair
from tests.libvirt.command import Command, until

_LOOPBACK: Final = "127.0.0.1"


@pytest.fixture
def authority() -> Authority:
    return Authority("the test's own")


def put(home: Path, pair: Pair, mode: int = 0o600) -> None:
    """Write both as they are renewed: each file replaced by another."""
    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("key", key), ("crt", pair.certificate.public_bytes(Encoding.PEM))):
        fresh = home / f"{name}.new"
        fresh.write_bytes(content)
        fresh.chmod(mode)
        fresh.replace(home / f"{name}.pem")


def settings(home: Path, *more: str) -> Command:
    file = home / "CONFIG" / "lifebuoy" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'tls_certificate = "{home}/crt.pem"', f'tls_key = "{home}/key.pem"', *more]
    file.write_text("\n".join(["[server]", *lines]))
    return Command("test:///default", home)


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.certificate.decode())


class TlsServer(Server):
    """Is asked by somebody who trusts the authority."""

    trusts: ssl.SSLContext

    def client(self, key: str = "") -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trusts, timeout=60)


@pytest.fixture
def server(home: Path, authority: Authority) -> Iterator[TlsServer]:
    put(home, authority.server(_LOOPBACK))
    TlsServer.trusts = trusting(authority)
    with serving(settings(home), TlsServer) as made:
        assert isinstance(made, TlsServer)
        yield made


def test_it_speaks_tls_to_who_trusts_the_authority_and_to_nobody_in_clear(
    server: TlsServer,
) -> None:
    assert server.url.startswith("https://")
    with server.client() as client:
        answer = client.get("/healthz")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    with pytest.raises(httpx.ConnectError, match="verify failed"):
        httpx.get(f"{server.url}/healthz", verify=trusting(Authority("somebody else")))
    with pytest.raises(httpx.HTTPError):
        httpx.get(server.url.replace("https", "http") + "/healthz")


def test_cookies_go_over_it_alone_and_forms_of_its_own_pages_are_taken(server: TlsServer) -> None:
    server.account("ana", "operator")
    form = {"name": "ana", "password": PASSWORD}
    with server.client() as client:
        answer = client.post("/login", data=form, headers={"Origin": server.url})
        assert answer.status_code == 303 and "secure" in answer.headers["set-cookie"].lower()
        clear = server.url.replace("https", "http")
        assert client.post("/login", data=form, headers={"Origin": clear}).status_code == 403


def test_a_renewed_certificate_is_taken_without_a_restart(
    server: TlsServer, home: Path, authority: Authority
) -> None:
    def serial() -> int:
        host, port = server.url.removeprefix("https://").split(":")
        with (
            socket.create_connection((host, int(port)), 10) as plain,
            server.trusts.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            found = wrapped.getpeercert()
            assert found
            return int(str(found["serialNumber"]), 16)

    fresh = authority.server(_LOOPBACK)
    assert serial() != fresh.certificate.serial_number
    (home / "crt.pem").write_text("half of a certif")
    assert until(lambda: "the one before" in server.log.read_text())
    before = serial()
    put(home, fresh)
    assert until(lambda: serial() == fresh.certificate.serial_number)
    assert before != fresh.certificate.serial_number


def test_files_that_cannot_be_used_are_refused_at_the_start(
    home: Path, authority: Authority
) -> None:
    def refused(*more: str) -> str:
        words = ["serve", "--listen", "127.0.0.1:0", "--json"]
        found = settings(home, *more)(*words).error()
        assert found["code"] == "bad-input"
        return str(found["message"])

    assert "cannot read" in refused()
    put(home, authority.server(_LOOPBACK), mode=0o644)
    assert "others may read or write the key" in refused()
    put(home, authority.server(_LOOPBACK))
    assert "of http" in refused('origin = "http://rescue.example"')
    (home / "crt.pem").write_bytes(
        authority.server(_LOOPBACK).certificate.public_bytes(Encoding.PEM)
    )
    assert "no certificate and its key" in refused()
    (home / "key.pem").write_text("PRIVATE-WORD")
    assert "PRIVATE-WORD" not in refused()
