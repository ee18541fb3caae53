"""A browser on its way to an OpenID provider and back, and whom the provider says that it is.

Apart from ``provider``, whose libraries take half a second to load: for servers that have one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from lifebuoy.accounts.vault import Vault
from lifebuoy.errors import NotSignedIn, VaultClosed

#: So long a browser may be away.
AWAY_S: Final = 600
_PURPOSE: Final = "sign-in at a provider"


@dataclass(frozen=True, slots=True)
class Errand:
    """What a browser is sent to the provider with, sealed in its cookie meanwhile: who comes back
    must be who went. ``account`` is the id of the one to be linked, empty to sign in."""

    next: str
    account: str = ""
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def sealed(self, vault: Vault) -> str:
        """For the cookie."""
        return vault.seal(json.dumps(asdict(self)), _PURPOSE)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider has signed in. ``subject`` is what it calls somebody for good; all else can
    change hands there."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


def errand_of(vault: Vault, cookie: str) -> Errand:
    """What a browser was sent with.

    Raises:
        NotSignedIn: it was not sent, or too long ago.
    """
    try:
        return Errand(**json.loads(vault.open(cookie, _PURPOSE, within_s=AWAY_S)))
    except VaultClosed:
        raise NotSignedIn("this sign-in was not begun here, or too long ago", safe="") from None
