"""What the tests of the hypervisor layer import by name, and the databases of their operations."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import SHORT_TMP, Daemon, definition
from tests.postgres import Server

__all__ = ["SHORT_TMP", "Daemon", "definition"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that nobody has used."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/operations.sqlite"
    server: Server = request.getfixturevalue("postgres")
    return server.create(f"operations_{time.monotonic_ns()}")
