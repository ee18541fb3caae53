"""What a provider that lies, or somebody on the way to it, gets: nothing. Each ID token but the
first is wrong in one way."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from lifebuoy.accounts.errand import Errand, errand_of
from lifebuoy.accounts.linking import role_of
from lifebuoy.accounts.model import Role
from lifebuoy.accounts.provider import Provider
from lifebuoy.accounts.vault import Vault
from lifebuoy.errors import NotSignedIn, ProviderTrouble
from lifebuoy.settings.values import OpenId

BACK: Final = "http://127.0.0.1/login/openid/callback"
SECRET: Final = "the secret of this client, which is long enough"
KEY: Final = RSAKey.generate_key(2048, {"kid": "first"})
ERRAND: Final = Errand("/")


class Liar:
    """A provider on loopback that says what a test has it say."""

    def __init__(self) -> None:
        self.keys = [KEY]
        self.token = ""
        self.told: dict[str, Any] = {"sub": "s-1", "preferred_username": "pia"}
        self.described: dict[str, Any] = {}
        self.asked: list[dict[str, list[str]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answers(self) -> dict[str, Any]:
        described = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        return {
            "/.well-known/openid-configuration": described | self.described,
            "/keys": {"keys": [key.as_dict(private=False) for key in self.keys]},
            "/token": {"access_token": "access", "token_type": "Bearer", "id_token": self.token},
            "/me": self.told,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply()

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                liar.asked.append(parse_qs(sent))
                self.reply()

            def reply(self) -> None:
                body = json.dumps(liar.answers()[urlsplit(self.path).path]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                pass

        return Handler


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.server.shutdown()
    made.server.server_close()


def settings(liar: Liar, **more: Any) -> OpenId:
    found = OpenId(issuer=liar.issuer, client_id="lifebuoy", client_secret=SECRET)
    return replace(found, **more)


def claims(liar: Liar, **other: Any) -> dict[str, Any]:
    now = int(time.time())
    right = {
        "iss": liar.issuer,
        "sub": "s-1",
        "aud": "lifebuoy",
        "iat": now,
        "exp": now + 300,
        "nonce": ERRAND.nonce,
    }
    return {key: value for key, value in (right | other).items() if value is not None}


def signed(liar: Liar, key: RSAKey = KEY, **other: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims(liar, **other), key)


def came(liar: Liar, **answer: str) -> dict[str, Any]:
    """Who has come back, by what the provider says of him."""
    found = Provider(settings(liar))
    person = found.person(ERRAND, {"state": ERRAND.state, "code": "c"} | answer, BACK)
    return dict(person.claims) | {"subject": person.subject}


def test_whom_it_has_signed_in_is_known_and_it_got_the_verifier(liar: Liar) -> None:
    liar.token = signed(liar)
    found = came(liar)
    assert (found["subject"], found["preferred_username"]) == ("s-1", "pia")
    assert liar.asked[0]["code_verifier"] == [ERRAND.verifier]
    assert liar.asked[0]["redirect_uri"] == [BACK]
    assert "client_secret" not in liar.asked[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"aud": ["lifebuoy", "another"]},  # and it does not say who asked for it
        {"aud": ["lifebuoy", "another"], "azp": "another"},
        {"aud": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 4_102_444_800, "nbf": 4_102_444_800},  # in 2100
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"at_hash": "made-up"},
    ],
    ids=str,
)
def test_an_id_token_that_is_wrong_in_one_way_signs_nobody_in(
    liar: Liar, wrong: dict[str, Any]
) -> None:
    liar.token = signed(liar, **wrong)
    with pytest.raises(NotSignedIn):
        came(liar)


def test_an_id_token_that_the_provider_has_not_signed_signs_nobody_in(liar: Liar) -> None:
    parts = ({"alg": "none"}, claims(liar))
    plain = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
    other = RSAKey.generate_key(2048, {"kid": "first"})
    with_ours = OctKey.import_key(SECRET)
    tokens = [
        signed(liar, other),
        jwt.encode({"alg": "HS256"}, claims(liar), with_ours, algorithms=["HS256"]),
        b".".join([*plain, b""]).decode(),
        signed(liar)[:-8] + "AAAAAAAA",
        "",
    ]
    for token in tokens:
        liar.token = token
        with pytest.raises(NotSignedIn):
            came(liar)


def test_keys_that_have_changed_are_asked_for(liar: Liar) -> None:
    liar.token = signed(liar)
    assert came(liar)
    second = RSAKey.generate_key(2048, {"kid": "second"})
    liar.keys = [second]
    liar.token = signed(liar, second)
    assert came(liar)["subject"] == "s-1"


def test_what_is_told_of_somebody_else_counts_for_nothing(liar: Liar) -> None:
    liar.token, liar.told = signed(liar), {"sub": "s-2", "preferred_username": "admin"}
    with pytest.raises(NotSignedIn):
        came(liar)
    liar.told = {"sub": "s-1", "preferred_username": "pia", "nonce": "x", "aud": "y"}
    assert came(liar)["aud"] == "lifebuoy"


def test_the_answer_must_be_to_what_was_asked(liar: Liar) -> None:
    liar.token = signed(liar)
    for answer in ({"state": "x"}, {"state": ""}, {"iss": "http://127.0.0.1:1"}):
        with pytest.raises(NotSignedIn):
            came(liar, **answer)
    with pytest.raises(NotSignedIn):
        Provider(settings(liar)).person(ERRAND, {"state": ERRAND.state, "error": "x"}, BACK)
    assert liar.asked == []


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"token_endpoint": "http://login.example/token"},
        {"token_endpoint": None},
        {"jwks_uri": "http://login.example/keys"},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_trusted_is_not_used(
    liar: Liar, described: dict[str, Any]
) -> None:
    liar.token, liar.described = signed(liar), described
    with pytest.raises(ProviderTrouble):
        came(liar)


def test_one_that_is_away_is_said_to_be_and_no_more(liar: Liar) -> None:
    gone = replace(settings(liar), issuer="http://127.0.0.1:1")
    with pytest.raises(ProviderTrouble) as refused:
        Provider(gone).address(ERRAND, BACK)
    assert SECRET not in str(refused.value) and "127.0.0.1" in refused.value.message
    liar.described = {"issuer": "http://127.0.0.1:1"}
    asked = Provider(settings(liar))
    for _ in range(2):
        with pytest.raises(ProviderTrouble):
            asked.address(ERRAND, BACK)
    liar.described = {}
    with pytest.raises(ProviderTrouble, match="a moment ago"):  # and is not asked again so soon
        asked.address(ERRAND, BACK)
    liar.described = {"x": "y" * 2_000_000}
    with pytest.raises(ProviderTrouble):
        Provider(settings(liar)).address(ERRAND, BACK)


def test_what_a_browser_is_sent_with_is_sealed_and_does_not_last() -> None:
    vault = Vault(Fernet.generate_key())
    sealed = ERRAND.sealed(vault)
    assert errand_of(vault, sealed) == ERRAND
    assert ERRAND.state not in sealed and ERRAND.verifier not in repr(ERRAND)
    for wrong in (sealed[:-4] + "AAA=", "", vault.seal("{}", "second factor of x")):
        with pytest.raises(NotSignedIn):
            errand_of(vault, wrong)


def test_roles_are_what_the_settings_mean_by_a_claim() -> None:
    found = OpenId(role_claim="groups", roles={"a": "admin", "b": "owner"})
    assert role_of(found, {"groups": ["b", "a", "c"]}) is Role.ADMIN
    assert role_of(found, {"groups": "b"}) is Role.OWNER
    nothing: list[Any] = [[], {"a": 1}, [["a"]], "A", None, 7]
    for said in nothing:
        assert role_of(found, {"groups": said}) is None
    assert role_of(replace(found, role="owner"), {}) is Role.OWNER
    assert role_of(OpenId(role="operator"), {"groups": ["a"]}) is Role.OPERATOR
