"""Two owners, each with an instance of his own: to each the other's is not there.

Every call of the OpenAPI document and every page that names an instance or an operation is tried,
as they are found: a new one is tried without being written down here.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIRoute

from lifebuoy.web.app import PAGES
from tests.api.server import V1, Server, ended, serving
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

ANAS: Final = "11111111-1111-4111-8111-111111111111"
BENS: Final = "22222222-2222-4222-8222-222222222222"
NOBODYS: Final = "00000000-0000-4000-8000-000000000000"
NO_OPERATION: Final = "000000000000"
#: What else stands in paths, with a value that is of the right form.
_OTHERS: Final[dict[str, str]] = {}
_DOMAIN: Final = """<domain type='test'><name>{name}</name><uuid>{uuid}</uuid>
<memory unit='MiB'>512</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"""


@dataclass(frozen=True)
class Two:
    """The server, a key of each owner, and operations on the instance of each."""

    server: Server
    ana: httpx.Client
    ben: httpx.Client
    anas_operation: str
    bens_operation: str


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    domains = _DOMAIN.format(name="anas", uuid=ANAS) + _DOMAIN.format(name="bens", uuid=BENS)
    (home / "node.xml").write_text(f"<node>{domains}</node>")
    command = Command(f"test://{home}/node.xml", home)
    try:
        with serving(command) as server:
            server.account("admin", "admin")
            clients, operations = [], []
            for owner, uuid in (("ana", ANAS), ("ben", BENS)):
                server.account(owner, "owner")
                with server.client(server.key("admin", "administer")) as admin:
                    given = admin.put(f"{V1}/accounts/{owner}/instances/-/{uuid}")
                    assert given.status_code < 300, given.text
                client = server.client(server.key(owner, "read", "act"))
                made = client.post(f"{V1}/instances/-/{uuid}/stop", json={})
                assert made.status_code == 202, made.text
                ended(client, made.json()["id"])
                clients.append(client)
                operations.append(made.json()["id"])
            ana, ben = clients
            yield Two(server, ana, ben, *operations)
            for client in clients:
                client.close()
    finally:
        shutil.rmtree(home)


def body_of(schema: Any, document: Any) -> Any:
    """Something of that form, with all that is required."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return body_of(document["components"]["schemas"][name], document)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return body_of(schema[key][0], document)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        wanted = schema.get("required", [])
        return {name: body_of(schema["properties"][name], document) for name in wanted}
    if schema.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    samples: dict[str, Any] = {"integer": 1, "number": 1, "boolean": False, "array": []}
    return samples.get(schema.get("type"), "Quiet-Word-5")


def calls(two: Two) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and request of every call and page that names an instance or an operation."""
    document = two.ana.get(f"{V1}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if call["x-lifebuoy-needs"] in {"read", "act"} and names_one(path):
                content = call.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                yield method, path, {"json": body_of(schema, document)} if schema else {}
    for route in (one for router in PAGES for one in router.routes):
        assert isinstance(route, APIRoute)
        if names_one(route.path):
            for method in sorted(route.methods or ()):
                form = {"password": "Quiet-Word-5", "again": "Quiet-Word-5"}
                yield method.lower(), route.path, {"data": form} if method == "POST" else {}


def names_one(path: str) -> bool:
    """Whether a path names an instance or an operation; not one's own key, a host or the like."""
    return "{uuid}" in path or "{id}" in path


def filled(path: str, uuid: str, operation: str) -> str:
    words = {"host": "-", "uuid": uuid, "id": operation, "op": operation} | _OTHERS
    return path.format(**words)


def told(answer: httpx.Response) -> tuple[int, Any]:
    """What an answer says, but for what every answer has of its own."""
    if "json" not in answer.headers["content-type"]:
        return answer.status_code, ""
    found = answer.json()
    found.pop("request_id", None)
    return answer.status_code, found


def test_to_an_owner_the_others_instances_and_operations_are_not_there(two: Two) -> None:
    tried = 0
    for method, path, request in calls(two):
        there = filled(path, BENS, two.bens_operation)
        nowhere = filled(path, NOBODYS, NO_OPERATION)
        if "{uuid}" in path:  # also an operation of one's own is not that of another's instance
            mixed = filled(path, BENS, two.anas_operation)
            assert told(two.ana.request(method, mixed, **request))[0] in {404, 422}, path
        refused = two.ana.request(method, there, **request)
        assert refused.status_code in {404, 422}, (method, there, refused.text)
        assert told(refused) == told(two.ana.request(method, nowhere, **request)), path
        assert BENS not in refused.text.replace(there, ""), path
        assert "bens" not in refused.text, path
        tried += refused.status_code == 404
    assert tried >= 20


def test_the_owner_himself_finds_what_is_refused_to_the_other(two: Two) -> None:
    """Else the test above would be of no worth."""
    for method, path, _ in calls(two):
        if method == "get" and "{id}" not in path:
            own = two.ben.get(filled(path, BENS, two.bens_operation))
            assert "There is no such instance" not in own.text, path
            assert "there is no such instance" not in own.text, path
    assert two.ben.get(f"{V1}/operations/{two.bens_operation}").status_code == 200


def test_lists_hold_what_is_an_owners_own(two: Two) -> None:
    document = two.ana.get(f"{V1}/openapi.json").json()
    lists = [
        path
        for path, methods in document["paths"].items()
        if "get" in methods and "{" not in path and methods["get"]["x-lifebuoy-needs"] == "read"
    ]
    lists += [
        route.path
        for router in PAGES
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and "{" not in route.path
    ]
    assert len(lists) >= 5
    for path in lists:
        text = two.ana.get(path).text
        assert "bens" not in text and BENS not in text and two.bens_operation not in text, path
    assert "anas" in two.ana.get(f"{V1}/instances").text
    assert two.anas_operation in two.ana.get(f"{V1}/operations").text
