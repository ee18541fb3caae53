"""Servers that a guest mounts from: asked before their silence is called a fault."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from lifebuoy.guest.doctor import servers
from lifebuoy.guest.doctor.formats import fstab


def line(source: str, kind: str = "nfs") -> fstab.Line:
    return fstab.Line(1, 0, "", source, "/mnt", kind)


@pytest.mark.parametrize(("answer", "silent"), [(True, False), (False, True)])
def test_a_server_is_asked_and_must_answer(
    answer: bool, silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some networks accept every connection themselves: that one stands is no answer."""

    def serve(listening: socket.socket) -> None:
        with listening.accept()[0] as caller:
            asked = caller.recv(44)
            assert len(asked) == 44
            if answer:
                caller.sendall(b"\x80\0\0\x18" + asked[4:8] + bytes(20))

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(servers, "PORT", listening.getsockname()[1])
        served = pool.submit(serve, listening)
        assert servers.is_silent(line("127.0.0.1:/srv")) is silent
        served.result(60)


def test_where_nobody_listens_nobody_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(servers, "PORT", listening.getsockname()[1])
    assert servers.is_silent(line("127.0.0.1:/srv"))


@pytest.mark.parametrize(
    "source",
    ["//:\\", "name.invalid:/srv", ":", "a" * 400 + ":/x", "\0:/x", "[]:/", "//x", "[::g]:/"],
)
def test_what_cannot_be_asked_is_not_called_silent(source: str) -> None:
    for kind in ("nfs", "cifs", "ceph"):
        assert not servers.is_silent(line(source, kind))
