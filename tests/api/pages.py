"""A browser as far as HTTP goes: it keeps its cookie and knows what pages tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.api.server import PASSWORD, Server


@contextmanager
def signed_in(server: Server, name: str) -> Iterator[httpx.Client]:
    with server.client() as client:
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


def csrf_of(client: httpx.Client) -> str:
    found = re.search(r'name="csrf" content="(\w+)"', client.get("/instances").text)
    assert found
    return found[1]
