"""A domain's screen: the portable pixmap that QEMU gives, or PNG."""

from __future__ import annotations

import io
from typing import Any

from lifebuoy.hypervisor import streams


def picture(conn: Any, raw: Any) -> bytes:
    """The first screen of the raw libvirt domain ``raw`` of ``conn``, as libvirt gives it."""
    return streams.receive(conn, lambda stream: raw.screenshot(stream, 0, 0))


def png(picture: bytes) -> bytes:
    """The picture as PNG."""
    from PIL import Image  # loaded where it is used: few commands need it

    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(out, "PNG")
    return out.getvalue()
