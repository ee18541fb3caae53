"""Passwords and tokens of accounts: how they are made, kept and compared. Never kept themselves."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lifebuoy.errors import PasswordRefused

PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 200
_TOKEN_BYTES: Final = 32
_CSRF: Final = b"lifebuoy csrf"
#: RFC 9106's second recommendation: 64 MiB, three passes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
#: Each takes 64 MiB for a moment: who sends many does not fill the memory.
_AT_A_TIME: Final = threading.BoundedSemaphore(2)


def check_password(password: str) -> None:
    """Pass if an account may have that password.

    Raises:
        PasswordRefused: too short or too long; never repeats it.
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise PasswordRefused(
            f"the password is refused: it has fewer than {PASSWORD_MIN} characters"
            if len(password) < PASSWORD_MIN
            else f"the password is refused: it has more than {PASSWORD_MAX} characters",
            hint=f"{PASSWORD_MIN} to {PASSWORD_MAX} characters, of any kind",
        )


def hash_password(password: str) -> str:
    """A salted hash of argon2id, as text that says how it was made."""
    return _HASHER.hash(password)


#: Stands in where there is no account: who guesses names must not learn from the time it takes.
_NOBODY: Final = hash_password(secrets.token_hex(_TOKEN_BYTES))


def is_password(hashed: str | None, password: str) -> bool:
    """Whether ``hashed`` was made of ``password``; as slow where there is no hash at all."""
    try:
        with _AT_A_TIME:
            return _HASHER.verify(hashed or _NOBODY, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def new_token() -> str:
    """Random, to be told once."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is kept of a token. It is random and long, so that a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def csrf_of(token: str) -> str:
    """The CSRF token that goes with a session's: other pages cannot know it, as they cannot read
    the cookie; nor is it kept anywhere."""
    return hmac.new(token.encode("utf-8", "surrogateescape"), _CSRF, hashlib.sha256).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compares secrets in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
