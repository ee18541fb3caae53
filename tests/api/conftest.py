"""A server over libvirt's play host, whose instance 'test' runs, and somebody of each role."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.server import Server, serving
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command


@pytest.fixture(scope="session")
def played() -> Iterator[Server]:
    """The server; 'admin', 'operator' and 'owner' are accounts, the last with no instance."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    command = Command("test:///default", home)
    try:
        with serving(command) as server:
            for role in ("admin", "operator", "owner"):
                server.account(role, role)
            yield server
    finally:
        shutil.rmtree(home)


@pytest.fixture
def home() -> Iterator[Path]:
    """A user's, with a short name."""
    made = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    yield made
    shutil.rmtree(made)
