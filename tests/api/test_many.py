"""Many who ask at once, hosts that hang: the server goes on answering."""

from __future__ import annotations

import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.api.server import V1, Server, serving
from tests.api.test_instances import UUID
from tests.conftest import Daemon, definition, session_daemon
from tests.libvirt.command import Command, until

_FEW: Final = 128


@contextmanager
def open_files(soft: int) -> Iterator[None]:
    """What is started in the block may have so many, unless it asks for more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_watch_than_a_process_may_have_files_by_default(home: Path) -> None:
    server = Server(Command("test:///default", home))
    with open_files(_FEW):
        server.start()
    try:
        server.account("ana", "admin")
        with server.client(server.key("ana", "read", "act")) as client, ExitStack() as open_:
            (instance,) = client.get(f"{V1}/instances").json()["instances"]
            made = client.post(f"{V1}/instances/-/{instance['uuid']}/stop", json={}).json()["id"]
            for _ in range(2 * _FEW):
                each = open_.enter_context(httpx.Client(base_url=server.url, timeout=60))
                assert each.get("/healthz").status_code == 200  # and stays connected
            assert client.get(f"{V1}/operations/{made}").status_code == 200
    finally:
        server.end()


def test_a_host_that_hangs_takes_nobody_else_his_answer(home: Path) -> None:
    with session_daemon() as daemon:
        uuid = defined(daemon)
        configure(home, daemon)
        with serving(Command("", home)) as server:
            server.account("ana", "admin")
            key = server.key("ana", "read")
            with server.client(key) as client:
                there = f"{V1}/instances/far/{uuid}"
                assert until(lambda: client.get(there).status_code == 200, 60)
                daemon.signal(signal.SIGSTOP)
                threads = [
                    threading.Thread(target=ask, args=(server, key, there), daemon=True)
                    for _ in range(60)
                ]
                for thread in threads:
                    thread.start()

                def answered() -> dict[str, bool]:
                    found = client.get(f"{V1}/instances").json()["hosts"]
                    return {one["name"]: one["answered"] for one in found}

                assert client.get(there).status_code == 502  # though nobody may know of it yet
                assert until(lambda: answered() == {"far": False, "near": True}, 60)
                listed = client.get(f"{V1}/instances").json()
                assert [one["name"] for one in listed["instances"]] == ["test"]
                near = f"{V1}/instances/near/{listed['instances'][0]['uuid']}"
                assert client.get(near).status_code == 200
                daemon.signal(signal.SIGCONT)
                assert until(lambda: client.get(there).status_code == 200, 60)
                for thread in threads:
                    thread.join(60)
                daemon.signal(signal.SIGSTOP)
                try:
                    for _ in range(3):
                        assert client.get(there).status_code == 502
                    assert server.end() == 0  # and is not kept by what waits for that host
                finally:
                    daemon.signal(signal.SIGCONT)


def test_a_list_shows_what_an_operation_led_to_as_soon_as_it_has_ended(played: Server) -> None:
    with played.client(played.key("operator", "read", "act")) as client:
        path = f"{V1}/instances/-/{UUID}"
        for turn in range(12):
            state = client.get(path).json()["state"]
            action = "start" if state == "STOPPED" else "stop"
            made = client.post(f"{path}/{action}", json={}).json()["id"]
            while not client.get(f"{V1}/operations/{made}").json()["finished"]:
                pass  # without a pause: the list is asked for as soon as can be
            (listed,) = client.get(f"{V1}/instances").json()["instances"]
            assert listed["state"] == ("RUNNING" if action == "start" else "STOPPED"), turn


def ask(server: Server, key: str, path: str) -> None:
    with server.client(key) as client:
        client.get(path)


def defined(daemon: Daemon) -> str:
    """The UUID of an instance there."""
    virsh = ["virsh", "-q", "-c", daemon.uri]
    subprocess.run([*virsh, "define", "/dev/stdin"], input=definition("vm"), text=True, check=True)
    found = subprocess.run([*virsh, "domuuid", "vm"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def configure(home: Path, daemon: Daemon) -> None:
    """The settings of a user with that host and libvirt's play host."""
    folder = home / "CONFIG" / "lifebuoy"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        f'host_timeout_s = 2\n[hosts.far]\nuri = "{daemon.uri}"\n'
        '[hosts.near]\nuri = "test:///default"\n'
    )
