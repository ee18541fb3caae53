"""Every call of the OpenAPI document, tried as everybody: a new one without its row here fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.api.server import V1, Server

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
INSTANCE: Final = f"{V1}/instances/-/{UUID}"
NOTHING: Final = f"{V1}/instances/-/00000000-0000-4000-8000-000000000000"
CONSOLE: Final = f"{V1}/instances/{{host}}/{{uuid}}/console"
ONE: Final = f"{V1}/instances/{{host}}/{{uuid}}"
NO_POINT: Final = "00000000"
GIVEN: Final = f"{V1}/accounts/{{name}}/instances"
NOBODYS: Final = f"{V1}/accounts/nobody/instances"

#: What each call needs, and a request that changes nothing: what would act is refused, as it names
#: no instance, or not in its state, or is of the wrong form.
NEEDS: Final = {
    ("get", "/healthz"): ("nothing", "/healthz"),
    ("get", "/readyz"): ("nothing", "/readyz"),
    ("get", "/metrics"): ("monitor", "/metrics"),
    ("get", f"{V1}/hosts"): ("read", f"{V1}/hosts"),
    ("get", f"{V1}/instances"): ("read", f"{V1}/instances"),
    ("get", f"{V1}/instances/{{host}}/{{uuid}}"): ("read", INSTANCE),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/start"): ("act", f"{INSTANCE}/start"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/stop"): ("act", f"{INSTANCE}/stop"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/reboot"): ("act", f"{NOTHING}/reboot"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/rescue/enter"): ("act", f"{INSTANCE}/rescue/enter"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/rescue/exit"): ("act", f"{INSTANCE}/rescue/exit"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/renew"): ("act", f"{INSTANCE}/renew"),
    ("post", f"{CONSOLE}/tickets"): ("act", f"{INSTANCE}/console/tickets"),
    ("get", f"{V1}/instances/{{host}}/{{uuid}}/screenshot"): ("read", f"{INSTANCE}/screenshot"),
    ("get", f"{V1}/instances/{{host}}/{{uuid}}/rescue"): ("read", f"{INSTANCE}/rescue"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/rescue/plan"): ("act", f"{INSTANCE}/rescue/plan"),
    ("post", f"{ONE}/rescue/password"): ("act", f"{INSTANCE}/rescue/password"),
    ("get", f"{V1}/backups"): ("read", f"{V1}/backups"),
    ("get", f"{ONE}/backups"): ("read", f"{INSTANCE}/backups"),
    ("post", f"{ONE}/backups"): ("act", f"{INSTANCE}/backups"),
    ("get", f"{ONE}/backups/needs"): ("read", f"{INSTANCE}/backups/needs"),
    ("post", f"{ONE}/backups/undo"): ("act", f"{INSTANCE}/backups/undo"),
    ("post", f"{ONE}/backups/tidy"): ("act", f"{INSTANCE}/backups/tidy"),
    ("get", f"{ONE}/backups/{{id}}"): ("read", f"{INSTANCE}/backups/{NO_POINT}"),
    ("delete", f"{ONE}/backups/{{id}}"): ("act", f"{INSTANCE}/backups/{NO_POINT}"),
    ("get", f"{ONE}/backups/{{id}}/deletion"): (
        "read",
        f"{INSTANCE}/backups/{NO_POINT}/deletion",
    ),
    ("get", f"{ONE}/backups/quota"): ("read", f"{INSTANCE}/backups/quota"),
    ("patch", f"{ONE}/backups/quota"): ("act", f"{INSTANCE}/backups/quota"),
    ("get", f"{ONE}/backups/{{id}}/verify"): ("read", f"{INSTANCE}/backups/{NO_POINT}/verify"),
    ("post", f"{ONE}/backups/{{id}}/verify"): ("act", f"{INSTANCE}/backups/{NO_POINT}/verify"),
    ("post", f"{ONE}/backups/{{id}}/restore"): (
        "act",
        f"{INSTANCE}/backups/{NO_POINT}/restore",
    ),
    ("get", f"{V1}/instances/{{host}}/{{uuid}}/diagnose"): ("read", f"{INSTANCE}/diagnose"),
    ("get", f"{V1}/instances/{{host}}/{{uuid}}/doctor"): ("read", f"{INSTANCE}/doctor"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/doctor"): ("act", f"{INSTANCE}/doctor"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/repair"): ("act", f"{INSTANCE}/repair"),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/repair/preview"): (
        "act",
        f"{INSTANCE}/repair/preview",
    ),
    ("post", f"{V1}/instances/{{host}}/{{uuid}}/repair/undo"): ("act", f"{INSTANCE}/repair/undo"),
    ("get", f"{V1}/operations"): ("read", f"{V1}/operations"),
    ("get", f"{V1}/operations/{{id}}"): ("read", f"{V1}/operations/000000000000"),
    ("post", f"{V1}/operations/{{id}}/cancel"): ("act", f"{V1}/operations/000000000000/cancel"),
    ("get", f"{V1}/operations/{{id}}/events"): ("read", f"{V1}/operations/000000000000/events"),
    ("get", f"{V1}/session"): ("read", f"{V1}/session"),
    ("get", f"{V1}/accounts"): ("administer", f"{V1}/accounts"),
    ("get", f"{V1}/accounts/{{name}}/second-factor"): (
        "administer",
        f"{V1}/accounts/nobody/second-factor",
    ),
    ("delete", f"{V1}/accounts/{{name}}/second-factor"): (
        "administer",
        f"{V1}/accounts/nobody/second-factor",
    ),
    ("post", f"{V1}/accounts"): ("administer", f"{V1}/accounts"),
    ("get", f"{V1}/accounts/{{name}}"): ("administer", f"{V1}/accounts/nobody"),
    ("patch", f"{V1}/accounts/{{name}}"): ("administer", f"{V1}/accounts/nobody"),
    ("delete", f"{V1}/accounts/{{name}}"): ("administer", f"{V1}/accounts/nobody"),
    ("put", f"{V1}/accounts/{{name}}/password"): ("administer", f"{V1}/accounts/nobody/password"),
    ("get", f"{V1}/accounts/{{name}}/keys"): ("administer", f"{V1}/accounts/nobody/keys"),
    ("post", f"{V1}/accounts/{{name}}/keys"): ("administer", f"{V1}/accounts/nobody/keys"),
    ("delete", f"{V1}/accounts/{{name}}/keys/{{key}}"): (
        "administer",
        f"{V1}/accounts/nobody/keys/00",
    ),
    ("put", f"{V1}/session/password"): ("read", f"{V1}/session/password"),
    ("get", f"{V1}/session/keys"): ("read", f"{V1}/session/keys"),
    ("post", f"{V1}/session/keys"): ("read", f"{V1}/session/keys"),
    ("delete", f"{V1}/session/keys/{{key}}"): ("read", f"{V1}/session/keys/not-hex"),
    ("get", f"{V1}/audit"): ("read", f"{V1}/audit"),
    ("get", f"{V1}/images"): ("read", f"{V1}/images"),
    ("put", f"{V1}/images/{{image}}/default"): ("administer", f"{V1}/images/none/default"),
    ("post", f"{V1}/images/{{image}}/verify"): ("administer", f"{V1}/images/none/verify"),
    ("get", f"{V1}/hosts/{{host}}"): ("read", f"{V1}/hosts/-"),
    ("post", f"{V1}/hosts/{{host}}/check"): ("administer", f"{V1}/hosts/nowhere/check"),
    ("put", f"{GIVEN}/{{host}}/{{uuid}}"): ("administer", f"{NOBODYS}/-/{UUID}"),
    ("delete", f"{GIVEN}/{{host}}/{{uuid}}"): ("administer", f"{NOBODYS}/-/{UUID}"),
}
MAY: Final = {
    "admin": {"read", "act", "monitor", "administer"},
    "operator": {"read", "act", "monitor"},
    "owner": {"read", "act"},
}
SCOPES: Final = ("read", "act", "monitor", "administer")


@pytest.fixture(scope="module")
def document(played: Server) -> Any:
    """The OpenAPI document."""
    with played.client() as client:
        return client.get(f"{V1}/openapi.json").json()


def calls(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield method, path, call


def test_every_call_says_what_it_needs_and_the_table_has_it(document: Any) -> None:
    said = {(method, path): call["x-lifebuoy-needs"] for method, path, call in calls(document)}
    assert said == {call: needed for call, (needed, _) in NEEDS.items()}


def test_every_call_documents_its_problems(document: Any) -> None:
    for _, path, call in calls(document):
        assert "422" in call["responses"], path
        problem = call["responses"]["422"]["content"]
        assert list(problem) == ["application/problem+json"], path
        if call["x-lifebuoy-needs"] != "nothing":
            assert {"401", "403"} <= call["responses"].keys(), path


def tried(client: httpx.Client, call: tuple[str, str], path: str) -> httpx.Response:
    answer = client.request(call[0], path, json={"x": 1} if call[0] == "post" else None)
    if answer.status_code >= 400 and path != "/readyz":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    return answer


def test_nobody_may_do_anything_without_saying_who_he_is(played: Server) -> None:
    for call, (needed, path) in NEEDS.items():
        for client in (played.client(), played.client("lifebuoy_made-up")):
            with client:
                answer = tried(client, call, path)
                assert (answer.status_code == 401) is (needed != "nothing"), call


@pytest.mark.parametrize("role", MAY)
def test_each_role_may_what_the_table_says_and_no_more(played: Server, role: str) -> None:
    with played.client(played.key(role, *SCOPES)) as client:
        for call, (needed, path) in NEEDS.items():
            answer = tried(client, call, path)
            allowed = needed == "nothing" or needed in MAY[role]
            assert (answer.status_code == 403) is not allowed, (call, answer.text)
            assert answer.status_code < 500, (call, answer.text)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_may_what_its_scope_says_and_no_more(played: Server, scope: str) -> None:
    with played.client(played.key("admin", scope)) as client:
        for call, (needed, path) in NEEDS.items():
            answer = tried(client, call, path)
            assert (answer.status_code == 403) is not (needed in {"nothing", scope}), call


def test_what_an_owner_was_not_given_is_not_there_for_him(played: Server) -> None:
    """Not even as something that he may not do: the answer is that for an instance of nowhere."""
    with played.client(played.key("owner", *SCOPES)) as client:
        for call, (needed, path) in NEEDS.items():
            if UUID in path and needed in MAY["owner"]:
                answer = client.request(call[0], path, json={"password": "Quiet-Word-5"})
                wrong = client.request(
                    call[0], path.replace(UUID, NOTHING[-36:]), json={"password": "Quiet-Word-5"}
                )
                for one in (answer, wrong):
                    one.json().pop("request_id")
                assert answer.status_code in {404, 422}, (call, answer.text)
                assert facts(answer) == facts(wrong)
        assert client.get(f"{V1}/instances").json()["instances"] == []
        assert client.get(f"{V1}/hosts").json()["hosts"][0]["instances"] == 0


def facts(answer: httpx.Response) -> dict[str, Any]:
    return {key: value for key, value in answer.json().items() if key != "request_id"}
