"""What tells hosts apart, however they are reached: the same libvirt has one name here."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from lifebuoy.hypervisor import Host


def daemon_of(host: Host) -> str:
    """Such as "web1 qemu /system": the host's own name, its driver, and which daemon of it."""
    return name_daemon(host.uri, host.hostname, uid=os.geteuid())


def name_daemon(uri: str, hostname: str, *, uid: int) -> str:
    """The same, from the URI and the name that the host gives itself. Pure."""
    parts = urlsplit(uri)
    driver = parts.scheme.partition("+")[0]
    query = parse_qs(parts.query)
    which = query.get("root", query.get("socket", [""]))[0]
    if not which and parts.path == "/session":
        which = parts.username or str(uid)
    return " ".join(word for word in (hostname, driver, parts.path, which) if word)
