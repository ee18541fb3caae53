"""What libvirt tells by itself of its domains: that one was started, stopped, defined, changed.

Only that something happened, and to whom: what is true now is asked of the domain afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import libvirt

from lifebuoy.hypervisor.translation import translated

#: Called with a domain's UUID and what happened, in a word; from libvirt's own thread.
Changed = Callable[[str, str], None]

_WORDS: Final = {
    libvirt.VIR_DOMAIN_EVENT_DEFINED: "defined",
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: "undefined",
    libvirt.VIR_DOMAIN_EVENT_STARTED: "started",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "paused",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "resumed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED: "stopped",
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: "shut down",
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: "suspended",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "crashed",
}


class Events:
    """All who listen to one connection. libvirt is told of the first of them alone: over a daemon
    it takes the same function for the same connection once only. From any thread."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self._lock = threading.Lock()
        self._numbers: list[int] = []
        self._listeners: tuple[Changed, ...] = ()  # replaced, never changed: libvirt's thread reads

    def listen(self, changed: Changed) -> Callable[[], None]:
        """Have ``changed`` called from now on; what is returned ends that.

        Raises:
            HostTrouble: this libvirt tells nothing.
        """

        def tell(uuid: str, word: str) -> None:
            changed(uuid, word)  # a function of its own, however often the same one listens

        with self._lock:
            if not self._listeners:
                self._numbers = self._registered()
            self._listeners = (*self._listeners, tell)
        return lambda: self._end(tell)

    def _end(self, listener: Changed) -> None:
        with self._lock:
            left = tuple(one for one in self._listeners if one is not listener)
            numbers = self._numbers if self._listeners and not left else []
            self._listeners = left
            for number in numbers:
                with suppress(libvirt.libvirtError):
                    self._conn.domainEventDeregisterAny(number)

    def _registered(self) -> list[int]:
        kinds = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE
        with translated("listen to what happens to the instances"):
            numbers = [self._conn.domainEventRegisterAny(None, kinds[0], self._lifecycle, None)]
        with suppress(libvirt.libvirtError):  # not every driver tells of that
            numbers.append(self._conn.domainEventRegisterAny(None, kinds[1], self._metadata, None))
        return numbers

    def _lifecycle(
        self, _conn: Any, domain: Any, event: int, _detail: int, _opaque: object
    ) -> None:
        self._tell(str(domain.UUIDString()), _WORDS.get(event, "changed"))

    def _metadata(
        self, _conn: Any, domain: Any, _kind: int, _uri: str | None, _opaque: object
    ) -> None:
        self._tell(str(domain.UUIDString()), "metadata changed")

    def _tell(self, uuid: str, word: str) -> None:
        for listener in self._listeners:
            listener(uuid, word)
