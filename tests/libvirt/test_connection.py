"""Which libvirt is opened when none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifebuoy.errors import BadInput, CannotConnect
from lifebuoy.hypervisor import Host, connect, connection
from tests.libvirt.conftest import Daemon


def test_the_system_daemon_is_taken_where_it_answers(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SYSTEM_URI", daemon.uri)
    with connect(None, state_dir=tmp_path) as host:
        assert host.uri == daemon.uri and not host.is_embedded


def test_without_a_daemon_the_embedded_driver_is_taken(
    embedded: Host, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SYSTEM_URI", f"qemu+unix:///system?socket={short_dir}/none")
    monkeypatch.setattr(connection, "_SESSION_DAEMONS", ())
    with connect(None, state_dir=short_dir) as host:
        assert host.is_embedded and not host.is_remote and host.uri == embedded.uri


def test_an_embedded_uri_may_name_its_folder(embedded: Host, tmp_path: Path) -> None:
    with connect(embedded.uri, state_dir=tmp_path) as host:
        assert host.is_embedded and host.versions().qemu == embedded.versions().qemu


@pytest.mark.parametrize("uri", ["qemu:///embed", "qemu:///embed?root=relative", "nothing"])
def test_a_uri_that_cannot_be_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        connect(uri, state_dir=tmp_path)


def test_no_libvirt_is_said_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(CannotConnect) as caught:
        connect(f"qemu+unix:///system?socket={tmp_path}/none", state_dir=tmp_path)
    assert caught.value.hint
