"""Whether the NFS servers that a guest mounts from serve, asked from this system's own network."""

from __future__ import annotations

import re
import socket
import struct

from .formats import fstab

PATIENCE_S = 3.0
PORT = 2049
_SOURCE = re.compile(r"^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]{1,253})):/")
_NUMBER = 0x4C423031
#: a remote procedure call, RFC 5531, in one fragment: procedure 0 of NFS, which does nothing
_NULL = struct.pack(">11I", 0x80000028, _NUMBER, 0, 2, 100003, 3, 0, 0, 0, 0, 0)


def is_silent(line: fstab.Line) -> bool:
    """True only for NFS, where there is a route to the server and none serves there."""
    found = _SOURCE.match(line.source)
    if line.kind not in ("nfs", "nfs4") or found is None:
        return False
    try:
        name = found[1] or found[2]
        places = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)[:4]
    except (OSError, UnicodeError):
        return False  # names are the guest's network's; this system may be in another
    return any(_has_route(place[0], place[4]) for place in places) and not any(
        _serves(place[0], place[4]) for place in places
    )


def _has_route(family: int, address: tuple[object, ...]) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


def _serves(family: int, address: tuple[object, ...]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE_S)
        try:
            probe.connect(address)
            probe.sendall(_NULL)
            return probe.recv(8)[4:8] == _NULL[4:8]
        except OSError:
            return False
