"""A domain's screen as PNG: QEMU gives a portable pixmap."""

from __future__ import annotations

import io
from typing import Any

from lifebuoy.hypervisor import streams


def png(conn: Any, raw: Any) -> bytes:
    """The first screen of the raw libvirt domain ``raw`` of ``conn``."""
    from PIL import Image  # loaded where it is used: few commands need it

    picture = streams.receive(conn, lambda stream: raw.screenshot(stream, 0, 0))
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(out, "PNG")
    return out.getvalue()
