"""Problems of a server (RFC 9457) as the errors that they were there."""

from __future__ import annotations

from typing import Any, Final

import httpx

from lifebuoy.errors import LifebuoyError, NotSignedIn, ServerNotUnderstood, TooManyTries
from lifebuoy.operations.failures import restored

_OURS: Final = "urn:lifebuoy:problem:"
_NOT_FOUND: Final = (404, 405)


def error_of(answer: httpx.Response, url: str) -> LifebuoyError:
    """The error that an answer tells of, whose status is one. ``url`` is the server's."""
    told = _object(answer)
    if not str(told.get("type", "")).startswith(_OURS):
        return _foreign(answer, told, url)
    facts = _facts(told)
    error = restored(facts)
    if isinstance(error, NotSignedIn):
        error.hint = "see that the API key is this server's: lifebuoy api-key list, there"
    if isinstance(error, TooManyTries):
        after = answer.headers.get("Retry-After", "")
        error.wait_s = int(after) if after.isdecimal() else 0
    return error


def _facts(told: dict[str, Any]) -> dict[str, Any]:
    """As they are written down; whatever is missing is empty."""
    facts: dict[str, Any] = {
        key: str(told.get(name, ""))
        for key, name in (
            ("code", "code"),
            ("message", "detail"),
            ("safe", "safe"),
            ("hint", "hint"),
        )
    }
    if wrong := told.get("errors"):
        facts["message"] += ": " + "; ".join(map(str, wrong))
    cause = {"code": "error", "message": facts["message"], "safe": "", "hint": ""}
    return facts | {
        "step": str(told.get("step", "")),
        "cause": cause,
        "edits": [str(line) for line in told.get("edits") or ()],
    }


def _foreign(answer: httpx.Response, told: dict[str, Any], url: str) -> LifebuoyError:
    """What a framework, a proxy or something else altogether has answered."""
    if told.get("type") == "about:blank" and answer.status_code in _NOT_FOUND:
        return ServerNotUnderstood(
            f"the server at {url} does not know this: it is of another version",
            hint="upgrade it, or use a command line of its version: lifebuoy --version",
        )
    return ServerNotUnderstood(
        f"what answers at {url} is no Lifebuoy server: {answer.status_code}"
        f" {answer.reason_phrase}".rstrip(),
        hint="give the address that 'lifebuoy serve' prints, or that of the proxy before it",
    )


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
