"""What libvirt tells by itself of its domains: that one was started, stopped, defined, changed.

Only that something happened, and to whom: what is true now is asked of the domain afterwards.
"""

from __future__ import annotations

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


def subscribe(conn: Any, changed: Changed) -> Callable[[], None]:
    """Have ``changed`` called from now on; what is returned ends that.

    Raises:
        HostTrouble: this libvirt tells nothing.
    """

    def lifecycle(_conn: Any, domain: Any, event: int, _detail: int, _opaque: object) -> None:
        changed(str(domain.UUIDString()), _WORDS.get(event, "changed"))

    def metadata(_conn: Any, domain: Any, _kind: int, _uri: str | None, _opaque: object) -> None:
        changed(str(domain.UUIDString()), "metadata changed")

    with translated("listen to what happens to the instances"):
        numbers = [
            conn.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, None
            )
        ]
    with suppress(libvirt.libvirtError):  # not every driver tells of that
        kind = libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE
        numbers.append(conn.domainEventRegisterAny(None, kind, metadata, None))

    def end() -> None:
        for number in numbers:
            with suppress(libvirt.libvirtError):
                conn.domainEventDeregisterAny(number)

    return end
