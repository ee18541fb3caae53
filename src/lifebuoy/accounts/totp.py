"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, as every app has them.
Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyotp

from lifebuoy.accounts.secret import is_same

_STEP_S: Final = 30
#: A clock may be so many steps off, either way.
_OFF: Final = 1
_ISSUER: Final = "Lifebuoy"


def new_secret() -> str:
    """160 bits, as base32."""
    return pyotp.random_base32()


def uri(secret: str, account: str, server: str) -> str:
    """What an app reads from a picture; ``server`` tells several apart."""
    issuer = f"{_ISSUER} ({server})" if server else _ISSUER
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def step_of(secret: str, code: str, now: datetime, last: int) -> int | None:
    """The time step whose code that is, if it is later than ``last``: none counts twice."""
    current = int(now.timestamp()) // _STEP_S
    made = pyotp.TOTP(secret)
    found = None
    for step in range(current - _OFF, current + _OFF + 1):
        if is_same(made.generate_otp(step), code) and step > last:
            found = step
    return found
