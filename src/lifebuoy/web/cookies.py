"""The cookies of signing in: of a session, of who has shown the password alone, of who is away at a
provider. None is there for scripts, or sent with what another site asks for by itself."""

from __future__ import annotations

from typing import Final, TypeVar

from fastapi import Request, Response

from lifebuoy.accounts import entering, sessions
from lifebuoy.accounts.errand import AWAY_S
from lifebuoy.api.authorisation import COOKIE
from lifebuoy.api.state import Serving

HALF: Final = "lifebuoy_half"
_HALF_PATH: Final = "/login"
AWAY: Final = "lifebuoy_openid"
_AWAY_PATH: Final = "/login/openid"
R = TypeVar("R", bound=Response)


def keep_session(server: Serving, answer: R, token: str) -> R:
    """The browser keeps the session; a new one at each sign-in, whatever it had before."""
    life_s = int(sessions.LIFE.total_seconds())
    answer.set_cookie(COOKIE, token, life_s, secure=server.is_secure, httponly=True, samesite="lax")
    return answer


def keep_half(server: Serving, answer: R, token: str) -> R:
    """The browser keeps what it has shown, for the page that asks for the rest."""
    answer.set_cookie(
        HALF,
        token,
        int(entering.HALF.total_seconds()),
        path=_HALF_PATH,
        secure=server.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def forget_half(answer: R) -> R:
    """The browser forgets it."""
    answer.delete_cookie(HALF, path=_HALF_PATH)
    return answer


def keep_away(server: Serving, answer: R, sealed: str) -> R:
    """The browser keeps what it goes to a provider with; it comes back from another site."""
    answer.set_cookie(
        AWAY,
        sealed,
        AWAY_S,
        path=_AWAY_PATH,
        secure=server.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def forget_away(answer: R) -> R:
    """It is worth nothing a second time."""
    answer.delete_cookie(AWAY, path=_AWAY_PATH)
    return answer


def base_of(request: Request, server: Serving) -> str:
    """The address at which browsers see the server; ``passing`` has looked at the host's name."""
    return server.origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
