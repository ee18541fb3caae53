"""The media store as a folder."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from lifebuoy.errors import BadInput, NoSpace, NotFound, Refused
from lifebuoy.hypervisor.folder import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "media")


def test_what_is_put_is_found_read_and_removed(store: FolderStore) -> None:
    media = store.put("a.iso", b"content", shared=True)
    assert store.find("a.iso") == media and store.list() == [media]
    assert media.size_bytes == 7 and Path(media.path).stat().st_mode & 0o777 == 0o644
    assert store.read("a.iso") == b"content"
    store.remove("a.iso", wipe=False)
    assert store.find("a.iso") is None
    with pytest.raises(NotFound):
        store.read("a.iso")


def test_private_media_are_for_their_owner_only(store: FolderStore) -> None:
    assert Path(store.put("seed", b"x", shared=False).path).stat().st_mode & 0o777 == 0o600


def test_a_file_is_stored_with_progress(store: FolderStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    seen: list[tuple[int, int]] = []
    store.put("a", source, shared=True, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3_000_000, 3_000_000) and len(seen) > 1
    assert store.read("a") == source.read_bytes()


def test_nothing_is_ever_overwritten(store: FolderStore) -> None:
    store.put("a", b"first", shared=True)
    with pytest.raises(Refused):
        store.put("a", b"second", shared=True)
    assert store.read("a") == b"first"


def test_an_interrupted_put_leaves_nothing(store: FolderStore, tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put("a", b"x", shared=True, progress=interrupt)
    assert list((tmp_path / "media").iterdir()) == []


@pytest.mark.parametrize("way", ["put", "claim"])
def test_a_killed_put_leaves_nothing_not_even_a_draft(tmp_path: Path, way: str) -> None:
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            store = FolderStore(tmp_path / "media")
            os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
            store.claim("a", b"secret") if way == "claim" else store.put("a", b"x", shared=False)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert list((tmp_path / "media").iterdir()) == []


def test_a_file_system_without_nameless_files_serves_too(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)
    store.put("a", b"first", shared=True)
    with pytest.raises(Refused):
        store.put("a", b"second", shared=True)
    assert [path.name for path in (tmp_path / "media").iterdir()] == ["a"]


def test_too_much_is_refused_before_a_byte_is_written(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(FolderStore, "free_bytes", lambda _self: 3)
    with pytest.raises(NoSpace):
        store.put("a", b"four", shared=True)
    assert list((tmp_path / "media").iterdir()) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "-rf", "x" * 300])
def test_names_that_are_paths_or_worse_are_refused(store: FolderStore, name: str) -> None:
    with pytest.raises(BadInput):
        store.put(name, b"", shared=True)


def test_removing_what_is_not_there_is_fine(store: FolderStore) -> None:
    store.remove("a", wipe=True)


def test_of_two_claims_exactly_one_wins(store: FolderStore) -> None:
    for round_ in range(20):
        race(store, f"lock-{round_}")


def race(store: FolderStore, name: str) -> None:
    barrier, won = threading.Barrier(2), []

    def claim(who: bytes) -> None:
        barrier.wait()
        if store.claim(name, who):
            won.append(who)

    threads = [threading.Thread(target=claim, args=(who,)) for who in (b"one", b"two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and store.read(name) == won[0]


def test_what_others_remove_meanwhile_is_not_in_the_way_of_a_look(store: FolderStore) -> None:
    """Locks come and go; a look at one instance's meets those of all others."""
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            for number in range(20):
                store.claim(f"lock-{number}", b"x")
            for number in range(20):
                store.remove(f"lock-{number}", wipe=False)

    others = [threading.Thread(target=come_and_go) for _ in range(3)]
    for other in others:
        other.start()
    try:
        for _ in range(5000):
            store.list()
            store.find("lock-7")
    finally:
        stop.set()
        for other in others:
            other.join()
