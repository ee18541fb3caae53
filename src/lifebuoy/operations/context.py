"""What every operation works with, given from outside so that tests need no patching."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lifebuoy.hypervisor import Host
from lifebuoy.image import Catalogue


def _now() -> datetime:
    return datetime.now(UTC)


def _session() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Context:
    """A host, the images, and where verdicts are cached; clock and ids can be replaced."""

    host: Host
    catalogue: Catalogue
    cache_dir: Path
    now: Callable[[], datetime] = field(default=_now)
    new_session: Callable[[], str] = field(default=_session)

    def timestamp(self) -> str:
        """Now, as it is written in records: ISO 8601, UTC, seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
