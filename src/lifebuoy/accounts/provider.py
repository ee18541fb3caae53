"""An OpenID provider, as far as signing in goes: where it sends browsers, and what it says of one
that comes back (OpenID Connect Core 1.0, authorization code flow with PKCE). Who that is here is
decided in ``linking``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import quote_plus, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from lifebuoy.accounts.errand import Errand, Person
from lifebuoy.accounts.secret import is_same
from lifebuoy.errors import NotSignedIn, ProviderTrouble
from lifebuoy.settings.values import OpenId

#: Signed with the provider's own key: what is signed with our secret, or not at all, is refused.
_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_TIMEOUT_S: Final = 10.0
_ANSWER_MAX: Final = 1024 * 1024
#: So long what the provider says of itself is believed, and so often new keys are asked for.
_KNOWN_S: Final = 3600.0
_KEYS_S: Final = 30.0
#: So long one that did not answer is not asked again: whoever wants to sign in would wait for it,
#: one after the other, and with them everybody else whom the server has threads for.
_AWAY_AGAIN_S: Final = 10.0
#: A clock may be so far off.
_LEEWAY_S: Final = 60


class Provider:
    """The one of the settings; from any thread. What it says of itself is kept for an hour."""

    def __init__(self, settings: OpenId) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._read_at = self._keys_at = self._failed_at = float("-inf")
        self._keys = KeySet([])

    @property
    def title(self) -> str:
        """What people call it."""
        return self.settings.title

    def address(self, errand: Errand, back: str) -> str:
        """Where a browser signs in; it comes back to ``back``.

        Raises:
            ProviderTrouble: it does not answer, or not as one should.
        """
        url: str = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            self.settings.client_id,
            "code",
            redirect_uri=back,
            scope=" ".join(self.settings.scopes),
            state=errand.state,
            nonce=errand.nonce,
            code_challenge=create_s256_code_challenge(errand.verifier),
            code_challenge_method="S256",
        )
        return url

    def person(self, errand: Errand, answer: Mapping[str, str], back: str) -> Person:
        """Whom it has signed in, by what it sent the browser back with.

        Raises:
            NotSignedIn: it has signed nobody in, or this is not what it answered to ``errand``.
            ProviderTrouble: it does not answer, or not as one should.
        """
        if not is_same(answer.get("state", ""), errand.state):
            raise NotSignedIn("this sign-in was not begun here", safe="")
        if answer.get("iss", self.settings.issuer) != self.settings.issuer:
            raise NotSignedIn("that is the answer of another provider", safe="")
        if "code" not in answer:
            raise NotSignedIn("the provider has signed nobody in", safe="")
        tokens = self._exchange(answer["code"], errand.verifier, back)
        claims = self._claims(tokens, errand.nonce)
        return Person(self.settings.issuer, str(claims["sub"]), claims)

    def way_out(self, back: str) -> str | None:
        """Where a browser signs out of the provider, too; None where that cannot be.

        Raises:
            ProviderTrouble: it does not answer, or not as one should.
        """
        endpoint = self._described().get("end_session_endpoint")
        if not isinstance(endpoint, str) or not _is_safe(endpoint):
            return None
        query = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return str(httpx.URL(endpoint).copy_merge_params(query))

    def _exchange(self, code: str, verifier: str, back: str) -> Mapping[str, Any]:
        """The tokens for a code, which the provider gives once."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        auth, secret = None, self.settings.client_secret
        methods = self._described().get("token_endpoint_auth_methods_supported")
        if not secret:
            form["client_id"] = self.settings.client_id
        elif isinstance(methods, list) and "client_secret_basic" not in methods:
            form |= {"client_id": self.settings.client_id, "client_secret": secret}
        else:  # as RFC 6749 has it: each part encoded like a form's
            auth = (quote_plus(self.settings.client_id), quote_plus(secret))
        endpoint = self._endpoint("token_endpoint")
        return self._asked("POST", endpoint, data=form, auth=auth)

    def _claims(self, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """What the ID token says, after all checks; with what is told apart from it."""
        access = tokens.get("access_token")
        try:
            signed = self._opened(str(tokens.get("id_token", "")))
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                {
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                    "sub": {"essential": True},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": self.settings.client_id, "access_token": access},
            )
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise NotSignedIn(
                f"the provider's ID token is refused ({type(error).__name__})", safe=""
            ) from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise NotSignedIn("the provider's ID token names nobody", safe="")
        wanted = {self.settings.name_claim, self.settings.role_claim} - {""}
        if wanted <= claims.keys() or not isinstance(access, str):
            return dict(claims)
        return self._told(access, subject) | dict(claims)

    def _opened(self, token: str) -> jwt.Token:
        """An ID token whose signature is the provider's."""
        offered = self._described().get("id_token_signing_alg_values_supported", ["RS256"])
        algorithms = [one for one in _ALGORITHMS if one in offered]
        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        try:
            return jwt.decode(token, self._key_set(), registry=registry)
        except InvalidKeyIdError:  # it may have changed its keys
            return jwt.decode(token, self._key_set(fresh=True), registry=registry)

    def _told(self, access: str, subject: str) -> dict[str, Any]:
        """What its user-info endpoint says; of the same person, or it counts for nothing."""
        if "userinfo_endpoint" not in self._described():
            return {}
        headers = {"Authorization": f"Bearer {access}"}
        found = self._asked("GET", self._endpoint("userinfo_endpoint"), headers=headers)
        if found.get("sub") != subject:
            raise NotSignedIn("the provider tells of somebody else", safe="")
        return dict(found)

    def _described(self) -> Mapping[str, Any]:
        """What it says of itself."""
        with self._lock:
            if time.monotonic() - self._read_at > _KNOWN_S:
                if time.monotonic() - self._failed_at < _AWAY_AGAIN_S:
                    raise ProviderTrouble("the provider did not answer a moment ago")
                try:
                    self._metadata = self._discovered()
                except ProviderTrouble:
                    self._failed_at = time.monotonic()
                    raise
                self._read_at, self._keys_at = time.monotonic(), float("-inf")
            return self._metadata

    def _discovered(self) -> Mapping[str, Any]:
        found = self._asked("GET", self.settings.issuer.rstrip("/") + _WELL_KNOWN)
        if found.get("issuer") != self.settings.issuer:
            raise ProviderTrouble(
                "the provider calls itself otherwise than the setting openid.issuer"
            )
        return found

    def _key_set(self, *, fresh: bool = False) -> KeySet:
        """Its keys; asked for again where one is missing, and not too often."""
        endpoint = self._endpoint("jwks_uri")
        with self._lock:
            age_s = time.monotonic() - self._keys_at
            if age_s > _KNOWN_S or (fresh and age_s > _KEYS_S):
                try:
                    self._keys = KeySet.import_key_set(self._asked("GET", endpoint))  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError):
                    raise ProviderTrouble("the provider's keys cannot be read") from None
                self._keys_at = time.monotonic()
            return self._keys

    def _endpoint(self, name: str) -> str:
        found = self._described().get(name)
        if not isinstance(found, str) or not _is_safe(found):
            raise ProviderTrouble(f"the provider names no {name} that can be used")
        return found

    def _asked(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """What it answers, a JSON object. Neither what was sent nor the answer is in an error."""
        try:
            with (
                httpx.Client(timeout=_TIMEOUT_S, verify=self._trusted()) as client,
                client.stream(method, url, **more) as answer,
            ):
                text = b""
                for part in answer.iter_bytes():
                    text += part
                    if len(text) > _ANSWER_MAX:
                        raise ProviderTrouble("the provider answers with too much")
                status = answer.status_code
            found = json.loads(text) if status == 200 else None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _fails(urlsplit(url).hostname or "", type(error).__name__)
        except ValueError:
            _fails(urlsplit(url).hostname or "", "no JSON")
        if status in {400, 401} and method == "POST":
            raise NotSignedIn(
                "the provider does not accept this sign-in, or not this server",
                hint="try again; if it stays so: openid.client_id and its secret",
                safe="",
            )
        if not isinstance(found, dict):
            _fails(urlsplit(url).hostname or "", f"status {status}")
        return found

    def _trusted(self) -> Any:
        """The certificates that are trusted: those of this machine, or the settings' file."""
        import ssl

        return ssl.create_default_context(cafile=self.settings.ca_file or None)


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    )


def _fails(host: str, why: str) -> NoReturn:
    raise ProviderTrouble(f"the provider at {host} does not answer as it should: {why}")
