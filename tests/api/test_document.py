"""The OpenAPI document is true and complete: schemathesis, which makes requests of all kinds out of
it, finds nothing, whoever asks. A new call is tried as soon as it is in the document.

It is the server's and libvirt's play host, so that what changes something may do so. What would
take away an account or key with which it is tried is turned to others (document_hooks.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.api.server import V1, Server, serving
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

HERE: Final = Path(__file__).parent
ROLES: Final = ("admin", "operator", "owner")
SCOPES: Final = ("read", "act", "administer")
#: Where document_hooks.py finds what must stay.
KEPT: Final = "LIFEBUOY_TEST_KEPT"
DEADLINE_S: Final = 840.0


@pytest.fixture(scope="module")
def tried() -> Iterator[Server]:
    """A server of their own: other tests' accounts and instances are not what becomes of these."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    try:
        with serving(Command("test:///default", home)) as server:
            for role in ROLES:
                server.account(role, role)
            server.command("account", "grant", "owner", "test")
            yield server
    finally:
        shutil.rmtree(home)


def looked(server: Server, role: str, examples: int) -> None:
    """Have schemathesis look, as ``role``; what it finds fails the test."""
    words = ["--config-file", str(HERE / "schemathesis.toml"), "run", "--no-color"]
    words += ["--max-examples", str(examples), f"{server.url}{V1}/openapi.json"]
    kept = [*ROLES]
    if role != "nobody":
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        made = server.command("api-key", "add", role, *scopes, "--json").json("api-key")
        words += ["--header", f"Authorization: Bearer {made['key']}"]
        kept += [made["api_key"]["id"]]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), KEPT: " ".join(kept)}
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *words],
        env=os.environ | environment,
        cwd=server.command.home,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.mark.rotate(2)
@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_nothing_is_found_that_the_document_does_not_say(tried: Server, role: str) -> None:
    looked(tried, role, 2)


@pytest.mark.slow
@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_nothing_is_found_by_looking_longer(tried: Server, role: str) -> None:
    looked(tried, role, 60)
