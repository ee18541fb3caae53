"""Figures for a monitoring system: they can be read, are right, and are a monitor's alone."""

from __future__ import annotations

from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.api.server import V1, Server, ended
from tests.libvirt.command import until

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
INSTANCE: Final = f"{V1}/instances/-/{UUID}"
Labels = dict[str, str]


def figure(client: httpx.Client, name: str, labels: Labels | None = None) -> float:
    """The value of one; 0 where there is none."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == name and sample.labels == (labels or {}):
                return float(sample.value)
    return 0.0


def test_requests_are_counted_by_route_and_not_by_what_is_in_the_path(played: Server) -> None:
    route = {"method": "GET", "route": f"{V1}/instances/{{host}}/{{uuid}}"}
    with (
        played.client(played.key("operator", "read")) as client,
        played.client(played.key("operator", "monitor")) as monitor,
    ):
        before = figure(monitor, "lifebuoy_http_requests_total", route | {"status": "200"})
        for _ in range(3):
            assert client.get(INSTANCE).status_code == 200
        client.get(INSTANCE.replace("6695", "0000"))
        client.get("/nowhere/at-all")
        client.request("BREW", "/healthz")
        after = figure(monitor, "lifebuoy_http_requests_total", route | {"status": "200"})
        assert after == before + 3
        assert figure(monitor, "lifebuoy_http_answer_seconds_count", route) >= after + 1
        text = monitor.get("/metrics").text
        assert UUID not in text and "at-all" not in text and "BREW" not in text


def test_operations_instances_hosts_and_the_worker_are_told(played: Server) -> None:
    with (
        played.client(played.key("operator", "read", "act")) as client,
        played.client(played.key("operator", "monitor")) as monitor,
    ):
        done = {"kind": "reboot", "outcome": "done"}
        before = figure(monitor, "lifebuoy_operations_ended_total", done)
        made = client.post(f"{INSTANCE}/reboot").json()["id"]
        assert ended(client, made)["state"] == "done"
        assert until(lambda: figure(monitor, "lifebuoy_operations_ended_total", done) == before + 1)
        assert figure(monitor, "lifebuoy_operation_seconds_count", {"kind": "reboot"}) >= 1
        assert figure(monitor, "lifebuoy_hosts") == figure(monitor, "lifebuoy_hosts_connected") == 1
        assert figure(monitor, "lifebuoy_worker_operations_max") == 8
        assert figure(monitor, "lifebuoy_database_up") == 1
        running = {"host": "test:///default", "state": "RUNNING"}
        assert until(lambda: figure(monitor, "lifebuoy_instances", running) == 1)


def test_figures_are_a_monitors_alone(played: Server) -> None:
    with played.client() as client:
        assert client.get("/metrics").status_code == 401
    for account, scope in (("operator", "read"), ("owner", "monitor")):
        with played.client(played.key(account, scope)) as client:
            answer = client.get("/metrics")
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
