"""The quota of an instance's backup points: looked at and set. It stands in the instance's book."""

from __future__ import annotations

from dataclasses import replace

from lifebuoy.backup import shelf
from lifebuoy.backup.book import Quota
from lifebuoy.hypervisor import Host
from lifebuoy.operations import lock


def allowed(host: Host, name: str) -> Quota:
    """What the instance's points may come to."""
    domain = host.domain(name)
    return shelf.read(host.store, domain.uuid, domain.name).quota


def allow(host: Host, name: str, points: int | None, size_bytes: int | None) -> Quota:
    """Set what they may come to; None leaves as it is, 0 is without a limit.

    Raises:
        Busy: somebody is at work on the instance.
    """
    domain = host.domain(name)
    with lock.held(host.store, domain.uuid, domain.name, "set the quota of its backup points"):
        book = shelf.read(host.store, domain.uuid, domain.name)
        quota = Quota(
            book.quota.points if points is None else points,
            book.quota.bytes if size_bytes is None else size_bytes,
        )
        shelf.write(host.store, replace(book, quota=quota))
    return quota
