"""The open connection under a Host, and the second one that blocking streams need.

A blocking stream beside other calls on one connection can stall, so uploads, downloads and
screenshots go through a side connection, one at a time. The embedded driver is opened once per
process and takes its streams on the one connection.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import libvirt

from lifebuoy.hypervisor.events import Events
from lifebuoy.hypervisor.translation import translated
from lifebuoy.hypervisor.uri import UriFacts

_KEEPALIVE_S: Final = 5
_KEEPALIVE_MISSES: Final = 6


class Link:
    """libvirt connections to one host. Private to this package."""

    def __init__(self, conn: Any, facts: UriFacts) -> None:
        self.conn = conn
        self.facts = facts
        self.events = Events(conn)
        self._side: Any = None
        self._side_lock = threading.Lock()
        _watch(conn)

    def fresh(self) -> Any:
        """A connection for one caller alone, to be closed by it; the shared one if embedded."""
        if self.facts.is_embedded or self.facts.driver == "test":
            return self.conn
        with translated("open a second connection to libvirt"):
            conn = libvirt.open(self.facts.uri)
        _watch(conn)
        return conn

    @property
    def alive(self) -> bool:
        """Whether the main connection stands; a dead peer is noticed by keep-alive only."""
        conn = self.conn
        try:
            return conn is not None and bool(conn.isAlive())
        except libvirt.libvirtError:
            return False

    @contextmanager
    def side(self) -> Iterator[Any]:
        """The connection for a blocking stream, held for the block."""
        with self._side_lock:
            if self._side is None or not self._side.isAlive():
                self._side = self.fresh()
            yield self._side

    def close(self) -> None:
        """Close both; calling it twice is fine."""
        conns = {id(conn): conn for conn in (self._side, self.conn) if conn is not None}
        self._side = self.conn = None
        for conn in conns.values():
            with translated("close the connection to libvirt"):
                conn.close()


def _watch(conn: Any) -> None:
    """Let a dead peer end the calls that wait for it, instead of waiting for good."""
    try:
        conn.setKeepAlive(_KEEPALIVE_S, _KEEPALIVE_MISSES)
    except libvirt.libvirtError:
        return  # drivers inside this process have no peer
