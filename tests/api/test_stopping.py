"""A server that is told to stop while somebody watches: streams end, nobody is waited for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.api.embedded import embedded
from tests.api.server import V1, Server, ended, events, serving
from tests.libvirt.command import Command, until

WATCHERS = 5


def test_watchers_are_let_go_when_the_server_stops() -> None:
    with embedded() as machine, serving(machine.command) as server:
        server.account("ana", "operator")
        key = server.key("ana", "read", "act")
        with server.client(key) as client, ThreadPoolExecutor(WATCHERS) as pool:
            body = {"password": "Quiet-Word-5"}  # the idle image never says that it is ready
            entering = f"{V1}/instances/-/{machine.uuid}/rescue/enter"
            made = client.post(entering, json=body).json()["id"]
            assert until(lambda: "wait until" in client.get(f"{V1}/operations/{made}").text)
            streams = [events(client, made) for _ in range(WATCHERS)]
            for stream in streams:
                assert next(stream)[0] == "operation"
            watching = [pool.submit(list, stream) for stream in streams]
            assert server.end() == 0
            for one in watching:
                assert one.result(30)[-1][0] == "end"
        server.start()
        with server.client(key) as client:
            assert client.post(f"{V1}/operations/{made}/cancel").status_code == 200
            assert ended(client, made)["state"] == "cancelled"


def test_a_server_that_is_told_to_stop_as_soon_as_it_says_where_it_is_stops(home: Path) -> None:
    server = Server(Command("test:///default", home))
    for _ in range(2):
        server.start(until_connected=False)
        assert server.end() == 0
