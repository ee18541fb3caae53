"""A webhook, its secret, and what a message looks like and is signed with. Pure.

Headers and signature are those of Standard Webhooks, so that its libraries can check them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Final

from lifebuoy.errors import BadInput
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening

_PREFIX: Final = "whsec_"
#: Bytes; a guess must be hopeless.
_SECRET_MIN: Final = 24
#: What is told of the audit log, and how it is called.
TYPES: Final[dict[Happening, str]] = {
    Happening.ASKED: "operation.asked",
    Happening.ENDED: "operation.ended",
    Happening.OBSERVED: "instance.changed",  # by somebody else
    Happening.RENEWED: "instance.renewed",
}


@dataclass(frozen=True, slots=True)
class Hook:
    """Where to tell it, and the secret that both sides know."""

    name: str
    url: str
    secret: bytes = field(repr=False)


def secret_of(text: str) -> bytes:
    """The secret that a file or variable holds: ``whsec_`` and base64, or any long text.

    Raises:
        BadInput: it is too short, or not base64. Its text does not repeat it.
    """
    words = text.strip()
    try:
        if words.startswith(_PREFIX):
            found = base64.b64decode(words.removeprefix(_PREFIX), validate=True)
        else:
            found = words.encode()
    except (binascii.Error, ValueError):
        raise BadInput("the secret of a webhook is not base64", hint=_MAKE) from None
    if len(found) < _SECRET_MIN:
        raise BadInput(f"the secret of a webhook has fewer than {_SECRET_MIN} bytes", hint=_MAKE)
    return found


_MAKE: Final = "make one: echo whsec_$(openssl rand -base64 32)"


def body_of(entry: Entry) -> bytes:
    """What is told of a line of the audit log, as docs/schema/webhook.json has it; the same bytes
    each time."""
    told = {
        "type": TYPES[entry.event],
        "timestamp": entry.time,
        "data": {
            "host": entry.host,
            "uuid": entry.instance,
            "name": entry.name,
            "who": entry.who,
            "kind": entry.kind,
            "operation": entry.operation,
            "outcome": entry.outcome,
            "code": entry.code,
            "detail": entry.detail,
        },
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(hook: Hook, id_: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one try. ``id_`` stays the same at each."""
    signed = f"{id_}.{timestamp_s}.".encode() + body
    digest = hmac.new(hook.secret, signed, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Webhook-Id": id_,
        "Webhook-Timestamp": str(timestamp_s),
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }
