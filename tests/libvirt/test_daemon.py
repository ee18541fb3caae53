"""The same over a daemon, run by an unprivileged user: pools, streams, several connections."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest

from lifebuoy.errors import NotFound, Refused
from lifebuoy.hypervisor import HEAD_BYTES, Domain, Host, MediaStore, connect
from lifebuoy.hypervisor.hostfiles import HostFiles
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.poolsetup import open_pool
from tests.libvirt.conftest import Daemon, definition

Made = Callable[[Host, str], Domain]

SECONDS = 30
LARGE = bytes(range(256)) * 40_000  # 10 MB


@pytest.fixture
def far_files(session_host: Host) -> HostFiles:
    """File access as to a host whose files this process does not see."""
    link = session_host._link
    return HostFiles(Link(link.conn, replace(link.facts, is_remote=True)))


def test_what_is_put_in_the_pool_is_found_read_and_removed(session_host: Host) -> None:
    store = session_host.store
    before = store.list()
    seen: list[tuple[int, int]] = []
    media = store.put("a.iso", LARGE, shared=True, progress=lambda *step: seen.append(step))
    assert media not in before and seen[-1] == (len(LARGE), len(LARGE)) and len(seen) > 1
    assert store.find("a.iso") == media and media in store.list()
    assert stat.S_IMODE(Path(media.path).stat().st_mode) == 0o644
    assert store.read("a.iso") == LARGE
    with pytest.raises(Refused):
        store.put("a.iso", b"other", shared=True)
    store.remove("a.iso", wipe=True)
    store.remove("a.iso", wipe=True)
    assert store.find("a.iso") is None and not Path(media.path).exists()
    with pytest.raises(NotFound):
        store.read("a.iso")


def test_a_local_file_is_uploaded_and_private(session_host: Host, tmp_path: Path) -> None:
    source = tmp_path / "seed"
    source.write_bytes(LARGE)
    media = session_host.store.put("seed", source, shared=False)
    try:
        assert stat.S_IMODE(Path(media.path).stat().st_mode) == 0o600
        assert session_host.store.read("seed") == LARGE
    finally:
        session_host.store.remove("seed", wipe=True)


def test_a_volume_that_somebody_is_creating_is_read_when_it_is_there(
    session_host: Host, daemon: Daemon
) -> None:
    session_host.store.put("model", LARGE * 20, shared=True)

    conn = libvirt.open(daemon.uri)
    pool = conn.storagePoolLookupByName("lifebuoy")
    model = pool.storageVolLookupByName("model")
    xml = f"<volume><name>copy</name><capacity>{len(LARGE) * 20}</capacity></volume>"
    thread = threading.Thread(target=lambda: pool.createXMLFrom(xml, model, 0))
    thread.start()
    try:
        while "copy" not in libvirt_names(daemon):
            assert thread.is_alive()
        assert session_host.store.read_head("copy") == LARGE[:HEAD_BYTES]
    finally:
        thread.join()
        session_host.store.remove("copy", wipe=False)
        session_host.store.remove("model", wipe=False)
        conn.close()


def libvirt_names(daemon: Daemon) -> list[str]:
    """The volumes as the daemon knows them; it is not asked to look at its folder again."""
    conn = libvirt.open(daemon.uri)
    try:
        return list(conn.storagePoolLookupByName("lifebuoy").listVolumes())
    finally:
        conn.close()


def test_an_interrupted_upload_leaves_nothing(session_host: Host) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session_host.store.put("part", LARGE, shared=True, progress=interrupt)
    assert session_host.store.find("part") is None
    session_host.store.put("part", b"again", shared=True)
    session_host.store.remove("part", wipe=False)


def test_an_upload_cut_off_by_sigkill_is_known_by_zeros_at_its_beginning(
    session_host: Host, daemon: Daemon
) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from lifebuoy.hypervisor import connect\n"
        "with connect(sys.argv[1], state_dir=Path('/nowhere')) as host:\n"
        "    half = lambda done, all: done > all // 2 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "    host.store.put('cut', b'x' * 10_000_000, shared=True, progress=half)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, daemon.uri], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    store = session_host.store
    try:
        found = store.find("cut")
        # How much of it arrived depends on the daemon's haste.
        assert found and found.size_bytes == 10_000_000 and not any(store.read_head("cut"))
        assert store.read("cut").endswith(b"\0")
        store.remove("cut", wipe=False)
        store.put("cut", b"x" * 10_000_000, shared=True)
        assert store.read_head("cut") == b"x" * HEAD_BYTES
        assert store.read("cut") == b"x" * 10_000_000
    finally:
        store.remove("cut", wipe=False)


def test_a_pool_that_its_owner_names_must_be_there(
    session_host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFEBUOY_POOL", "nowhere")
    with pytest.raises(NotFound, match="nowhere"):
        _ = session_host.store


def test_a_host_may_have_a_pool_of_its_own_name(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFEBUOY_POOL", "nowhere")
    daemon.add_pool("own")
    with connect(daemon.uri, state_dir=tmp_path, name="x", pool="own") as host:
        assert (host.name, "own" in host.store.location) == ("x", True)


def test_a_file_that_somebody_else_made_is_seen(session_host: Host) -> None:
    store = session_host.store
    before = store.list()
    folder = Path(store.put("mine", b"1", shared=True).path).parent
    (folder / "log").write_bytes(b"written by QEMU")
    assert store.read("log") == b"written by QEMU"
    assert store.claim("log", b"") is False
    for name in ("mine", "log"):
        store.remove(name, wipe=False)
    assert store.list() == before


def test_a_pool_that_two_callers_make_at_once_is_made_once(daemon: Daemon, tmp_path: Path) -> None:
    folder = daemon.home / "at-once"
    with (
        connect(daemon.uri, state_dir=tmp_path) as one,
        connect(daemon.uri, state_dir=tmp_path) as other,
    ):
        conns = [host._link.conn for host in (one, other)]
        with ThreadPoolExecutor(2) as threads:
            for _ in range(20):
                first, second = threads.map(lambda conn: open_pool(conn, "at-once", folder), conns)
                assert first.UUIDString() == second.UUIDString() and second.isActive()
                first.destroy()
                first.undefine()


def test_of_two_claims_on_two_connections_exactly_one_wins(
    session_host: Host, daemon: Daemon, tmp_path: Path
) -> None:
    with connect(daemon.uri, state_dir=tmp_path) as other:
        for round_ in range(10):
            name = f"lock-{round_}"
            winner = race((session_host.store, other.store), name)
            assert other.store.read(name) == winner
            other.store.remove(name, wipe=False)


def race(stores: tuple[MediaStore, MediaStore], name: str) -> bytes:
    """Both claim at once; the content of the one that won."""
    barrier = threading.Barrier(2)
    won: list[bytes] = []

    def claim(store: MediaStore, who: bytes) -> None:
        barrier.wait()
        if store.claim(name, who):
            won.append(who)

    threads = [
        threading.Thread(target=claim, args=(store, who))
        for store, who in zip(stores, (b"one", b"two"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = won
    return winner


def test_two_callers_read_a_far_file_at_once(far_files: HostFiles, daemon: Daemon) -> None:
    path = str(daemon.home / "config" / "libvirt" / "qemu.conf")
    with connect(daemon.uri, state_dir=daemon.home) as other:
        link = other._link
        more = HostFiles(Link(link.conn, replace(link.facts, is_remote=True)))
        with ThreadPoolExecutor(2) as threads:
            for _ in range(10):
                first, second = threads.map(lambda files: files.read(path), (far_files, more))
                assert first == second != b""


def test_small_files_of_a_far_host_are_read_and_replaced(
    far_files: HostFiles, daemon: Daemon
) -> None:
    folder = daemon.home / "nvram"
    folder.mkdir()
    folder.chmod(0o777)
    path = str(folder / "vm_VARS.fd")
    assert far_files.exists(path) is False
    far_files.write(path, b"x" * 1000)
    assert far_files.exists(path) is True and far_files.read(path) == b"x" * 1000
    far_files.write(path, b"y" * 1000)
    assert far_files.read(path) == b"y" * 1000
    Path(path).chmod(0o640)
    far_files.write(path, b"short")
    assert far_files.read(path) == b"short"
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640
    with pytest.raises(NotFound):
        far_files.read(str(folder / "none"))
    assert far_files.exists("/no/such/folder/file") is None


def test_reading_a_far_file_leaves_no_pool_behind(
    session_host: Host, far_files: HostFiles, daemon: Daemon
) -> None:
    before = [pool.name() for pool in session_host._link.conn.listAllStoragePools(0)]
    far_files.read(str(daemon.home / "config" / "libvirt" / "qemu.conf"))
    assert [pool.name() for pool in session_host._link.conn.listAllStoragePools(0)] == before


def test_console_screen_and_port_work_over_the_daemon(session_host: Host, made: Made) -> None:
    domain = made(session_host, definition("lb-daemon"))
    domain.start(paused=True)
    with domain.open_serial() as console:
        domain.resume()
        assert b"SeaBIOS" in console.read_until(b"Booting from", SECONDS)
        assert domain.screenshot_png().startswith(b"\x89PNG")
        assert domain.forward_ssh() == domain.forwarded_ssh_port()
        domain.destroy()
        with pytest.raises(EOFError):
            while True:
                console.read(SECONDS)


def test_consoles_opened_and_closed_leave_the_connection_alive(
    session_host: Host, made: Made
) -> None:
    domain = made(session_host, definition("lb-often"))
    domain.start()
    for _ in range(5):
        with domain.open_serial() as console:
            console.read(0.02)
        assert domain.active
