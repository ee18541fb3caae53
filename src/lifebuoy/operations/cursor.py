"""Cursors of lists from the database: where the page before ended, as text. Pure."""

from __future__ import annotations

import base64
import binascii
import json

from lifebuoy.errors import BadInput

_MAX = 2000


def written(*parts: str) -> str:
    """The place after the row that these tell apart."""
    words = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def read(cursor: str, count: int) -> tuple[str, ...]:
    """What a cursor of so many parts was made of.

    Raises:
        BadInput: it is none.
    """
    text = cursor[:_MAX].encode("ascii", "replace")
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if isinstance(parts, list) and len(parts) == count:
        found = tuple(part for part in parts if isinstance(part, str))
        if len(found) == count:
            return found
    raise BadInput("the cursor is of no such list", hint="begin anew, without a cursor")
