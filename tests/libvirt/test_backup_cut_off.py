"""Cut off at any moment: before and after every single thing that is done to the host.

Whoever comes next, the same operation gone on with by another process or a new one, finds the
disks as they were before or as they were asked to be, and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from lifebuoy.hypervisor import Host
from lifebuoy.hypervisor.blockjobs import BlockJobs
from lifebuoy.hypervisor.folder import FolderStore
from lifebuoy.hypervisor.localdisks import LocalDisks
from lifebuoy.operations.backup_copy import COPY
from lifebuoy.operations.backup_create import CREATE
from lifebuoy.operations.backup_delete import DELETE
from lifebuoy.operations.backup_list import listing
from lifebuoy.operations.backup_restore import RESTORE, UNDO
from lifebuoy.operations.backup_site import Site
from lifebuoy.operations.operation import Kind
from tests.libvirt.backups import Desk, contents, definition, disk, settled, write

#: All by which an operation changes anything.
TOUCHING = (
    (FolderStore, "put"),
    (FolderStore, "remove"),
    (LocalDisks, "overlay"),
    (LocalDisks, "copy"),
    (LocalDisks, "remove"),
    (Host, "define"),
    (BlockJobs, "commit"),
    (BlockJobs, "move"),
)


class Killed(BaseException):
    """The process is gone: no clean-up of its own follows."""


@contextmanager
def killed_at(number: int) -> Iterator[list[int]]:
    """In the block the process ends at the ``number``th moment; counts the moments."""
    passed = [0]

    def moment() -> None:
        passed[0] += 1
        if passed[0] == number:
            raise Killed

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            moment()
            found = original(*args, **kwargs)
            moment()
            return found

        return call

    patches = [
        mock.patch.object(kind, name, around(getattr(kind, name))) for kind, name in TOUCHING
    ]
    for patch in patches:
        patch.start()
    try:
        yield passed
    finally:
        for patch in patches:
            patch.stop()


@pytest.fixture
def desk(embedded: Host, tmp_path: Path) -> Iterator[Desk]:
    files = {"vda": (tmp_path / "one.qcow2", "qcow2"), "vdb": (tmp_path / "two.img", "raw")}
    for path, form in files.values():
        write(disk(path, form), form, (1, 0, 1))
    domain = settled(embedded, definition("lb-cut-off", files))
    yield Desk(embedded, domain, tmp_path)
    domain.destroy()
    domain.undefine(keep_nvram=False)


def points(desk: Desk) -> list[str]:
    return [point.id for one in listing(desk.host, desk.domain.uuid) for point in one.points]


def cut_off(
    desk: Desk, kind: Kind[Any], request: dict[str, Any], number: int
) -> tuple[dict[str, Any], int] | None:
    """Run it until the moment; the state and the step's number as they are on record then.

    None if it came to its end before.
    """
    with killed_at(number):
        operation = desk.make(kind, request)
        operation.begin()
        recorded = dict(operation.state)
        for index, step in enumerate(operation.steps()):
            try:
                step.do()
            except Killed:
                return recorded, index
            recorded = dict(operation.state)
    return None


def go_on(
    desk: Desk, kind: Kind[Any], request: dict[str, Any], state: dict[str, Any], index: int
) -> None:
    """Another process goes on at the step that was cut off."""
    operation = desk.make(kind, request)
    operation.state = state
    for step in operation.steps()[index:]:
        step.do()


def undo(
    desk: Desk, kind: Kind[Any], request: dict[str, Any], state: dict[str, Any], index: int
) -> None:
    """Another process rolls back from the step that was cut off."""
    operation = desk.make(kind, request)
    operation.state = state
    for step in reversed(operation.steps()[: index + 1]):
        if step.undo:
            step.undo()


def none_left(desk: Desk) -> None:
    """With the last point gone all is as it was before the first."""
    for id in points(desk):
        desk.delete(id)
    assert sorted(path.name for path in desk.folder.iterdir()) == ["one.qcow2", "two.img"]
    assert [one.name for one in desk.host.store.list() if "backup" in one.name] == []


HOW = [
    pytest.param(go_on, id="goes on"),
    pytest.param(undo, id="rolls back", marks=pytest.mark.slow),
    pytest.param(None, id="anew", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("then", HOW)
@pytest.mark.parametrize(
    "kind",
    [pytest.param(CREATE, id="create"), pytest.param(COPY, id="copy", marks=pytest.mark.slow)],
)
def test_making_a_point(desk: Desk, kind: Kind[Any], then: Any) -> None:
    request: dict[str, Any] = {"name": "", "keep": 0}
    if kind is COPY:
        request |= {"pool": "", "freeze": True}
    defined, content = desk.domain.xml(secure=True), contents(desk.domain)
    number = 0
    while (cut := cut_off(desk, kind, request, number := number + 1)) is not None:
        if then is None:
            Site(desk.host, desk.domain).settled()
        else:
            then(desk, kind, request, *cut)
        assert contents(desk.domain) == content
        if then is go_on:
            assert points(desk) == [cut[0]["id"]]
        if then is undo and points(desk) == []:
            assert desk.domain.xml(secure=True) == defined
        none_left(desk)
        assert desk.domain.xml(secure=True) == defined and contents(desk.domain) == content
    assert number > 8
    none_left(desk)


@pytest.mark.parametrize("then", HOW)
def test_going_back_and_undoing(desk: Desk, then: Any) -> None:
    point = desk.create()
    before = contents(desk.domain)
    desk.write("vda", (3, 0, 16))
    desk.write("vdb", (4, 0, 16))
    later = contents(desk.domain)
    for kind, request in ((RESTORE, {"point": point}), (UNDO, {"point": ""})):
        number = 0
        while (cut := cut_off(desk, kind, request, number := number + 1)) is not None:
            if then is None:
                Site(desk.host, desk.domain).settled()
            else:
                then(desk, kind, request, *cut)
            now = contents(desk.domain)
            assert now in (before, later)
            if then is go_on and kind is RESTORE:
                assert now == before
            if now == before and kind is RESTORE:
                desk.undo()
            elif now == before:
                desk.restore(point)
            if kind is UNDO and contents(desk.domain) == later:
                desk.restore(point)
            if kind is RESTORE:
                assert contents(desk.domain) == later
        assert number > 4
    desk.restore(point)
    assert contents(desk.domain) == before
    none_left(desk)


@pytest.mark.slow
@pytest.mark.parametrize("then", [go_on, None], ids=["goes on", "anew"])
def test_deleting_and_merging(desk: Desk, then: Any) -> None:
    defined = desk.domain.xml(secure=True)
    number = 0
    while True:
        old = desk.create()
        desk.write("vda", (number % 200 + 1, 0, 2))
        point = desk.create()
        desk.write("vdb", (number % 200 + 2, 1, 2))
        content = contents(desk.domain)
        number += 1
        request: dict[str, Any] = {"points": [old, point], "later": False}
        cut = cut_off(desk, DELETE, request, number)
        assert contents(desk.domain) == content
        if cut is None:
            break
        if then is not None:
            then(desk, DELETE, request, *cut)
            assert points(desk) == []
        elif points(desk):
            desk.delete(*points(desk))
        elif listing(desk.host, desk.domain.uuid):
            desk.tidy()
        assert contents(desk.domain) == content
        none_left(desk)
        assert desk.domain.xml(secure=True) == defined
    assert number > 8
