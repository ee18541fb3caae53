"""Backup points by the forms of the web console, without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.api.disks import with_disks
from tests.api.pages import csrf_of, signed_in
from tests.api.server import V1, ended, serving


@dataclass
class Visitor:
    """An operator's browser; ``page`` is his instance's."""

    client: httpx.Client
    page: str

    def text(self, path: str = "") -> str:
        return self.client.get(f"{self.page}/{path}".rstrip("/")).text

    def post(self, path: str, **form: str) -> httpx.Response:
        data = {"csrf": csrf_of(self.client), **form}
        return self.client.post(f"{self.page}/{path}", data=data)

    def done(self, path: str, **form: str) -> None:
        answer = self.post(path, **form)
        assert answer.status_code == 303, answer.text
        operation = answer.headers["location"].partition("operation=")[2]
        assert ended(self.client, operation)["state"] == "done"

    def point(self) -> str:
        """The id of the only point."""
        (found,) = re.findall(r'href="[^"]*/([0-9a-f]{8})/delete"', self.text("backups"))
        return str(found)


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with with_disks() as machine, serving(machine.command) as server:
        server.account("olga", "operator")
        with signed_in(server, "olga") as client:
            yield Visitor(client, f"/instances/-/{machine.uuid}")


def test_a_point_lives_by_forms(visitor: Visitor) -> None:
    assert "There are no backup points." in visitor.text("backups")
    asked = visitor.text("backups/create")
    assert "Needs 2.0 MiB now" in asked and "Free beside the disks" in asked
    visitor.done("backups/create", name="<b>first</b>", kind="frozen")
    shown = visitor.text("backups")
    assert "&lt;b&gt;first" in shown and "<b>first" not in shown
    assert "&lt;b&gt;first" in visitor.text("backups/card")
    id = visitor.point()
    assert "What was written since" in visitor.text(f"backups/{id}/restore")
    visitor.done(f"backups/{id}/restore")
    assert f"taken back to {id}" in visitor.text("backups")
    again = visitor.text(f"backups/{id}/restore")
    assert "can then no longer be undone" in again
    visitor.done("backups/undo")
    deletion = visitor.text(f"backups/{id}/delete")
    assert "gone for good" in deletion and "can then no longer be undone" in deletion
    visitor.done(f"backups/{id}/delete")
    assert "There are no backup points." in visitor.text("backups")
    assert visitor.post(f"backups/{id}/delete").status_code == 404


def test_while_it_runs_its_disks_can_be_copied_only(visitor: Visitor) -> None:
    visitor.done("start")
    try:
        asked = visitor.text("backups/create")
        assert "Its disks can be frozen only while it is stopped" in asked
        assert re.search(r'value="frozen" disabled', asked)
        refused = visitor.post("backups/create", kind="frozen", name="kept")
        assert refused.status_code == 409 and 'value="kept"' in refused.text
        visitor.done("backups/create", kind="copy")
        shown = visitor.text("backups")
        assert "/restore" not in shown and "while the instance is stopped" in shown
        visitor.done(f"backups/{visitor.point()}/delete")
    finally:
        body = {"mode": "hard", "consent": True}
        token = {"X-CSRF-Token": csrf_of(visitor.client)}
        stop = visitor.client.post(f"{V1}{visitor.page}/stop", json=body, headers=token)
        assert ended(visitor.client, stop.json()["id"])["state"] == "done"
