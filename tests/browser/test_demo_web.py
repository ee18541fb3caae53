"""``make demo-web`` as a person who follows nothing but what it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from lab import cache, guest, images
from lab.layout import Layout

_READY_S: Final = 240.0
_END_S: Final = 90.0


@contextmanager
def demo() -> Iterator[tuple[str, str, str]]:
    """Its address, account and password."""
    words = [sys.executable, "-m", "lab", "demo-web", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield _told(process)
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=_END_S)
    assert process.returncode == 0, said


def _told(process: subprocess.Popen[str]) -> tuple[str, str, str]:
    assert process.stdout is not None
    told = ""
    deadline = time.monotonic() + _READY_S
    while "password" not in told:
        line = process.stdout.readline()
        assert line and time.monotonic() < deadline, told
        told += line
    found = re.search(r"(http://\S+)\s+account\s+(\S+)\s+password\s+(\S+)", told)
    assert found, told
    return found[1], found[2], found[3]


@pytest.fixture(scope="module", autouse=True)
def _built(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What it would build first, so that its own time is that of its own work."""
    base = cache.folder(os.environ)
    images.get(base, print)
    guest.get(base, Layout.BIOS, print)


def test_the_login_that_it_prints_shows_the_broken_machine_and_nothing_is_left() -> None:
    before = set(Path("/tmp").glob("lifebuoy-web-*"))
    with demo() as (url, account, password):
        assert set(Path("/tmp").glob("lifebuoy-web-*")) - before
        with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client:
            shown = client.post("/login", data={"name": account, "password": password})
            assert shown.status_code == 200
            assert ">demo<" in shown.text
            assert "RUNNING" in shown.text
    assert set(Path("/tmp").glob("lifebuoy-web-*")) <= before
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
