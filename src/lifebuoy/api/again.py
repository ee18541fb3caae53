"""For calls and pages whose work outlives a session: who is at the browser shows it once more."""

from __future__ import annotations

from fastapi import Request
from pydantic import SecretStr

from lifebuoy.accounts import again
from lifebuoy.accounts.model import Identity
from lifebuoy.api.authorisation import COOKIE
from lifebuoy.api.state import Serving


def require_again(
    server: Serving, who: Identity, request: Request, current: SecretStr | str | None = None
) -> None:
    """Pass if it is a program that asks, by its API key, whose scopes say what it may; or somebody
    in a browser with ``current``, his present password, or who has just signed in at a provider.

    Raises:
        ProveAgain: neither; says which of both is wanted.
        Forbidden: that is not the present password.
        TooManyTries: too many were refused.
    """
    if not who.csrf:
        return
    given = current.get_secret_value() if isinstance(current, SecretStr) else current or ""
    token = request.cookies.get(COOKIE, "")
    again.require(server.database, who.account, token, given, address_of(request))


def is_at_provider(server: Serving, request: Request) -> bool:
    """Whether that browser's user signs in at a provider, and is not asked for a password."""
    return bool(again.began_at_provider(server.database, request.cookies.get(COOKIE, "")))


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""
