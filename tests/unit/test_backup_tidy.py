"""Whatever is made, gone back to and deleted: no merge changes what anybody can still ask for.

A model of the disks' files, with contents as numbers by block, goes through the same changes as
the book; what every kept layer reads as is compared before and after each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lifebuoy.backup import bookjson, tidy, turns
from lifebuoy.backup.book import Book, Change, ChangeKind, Content, File, Layer, Point, PointKind

DISKS = ("vda", "vdb")
BLOCKS = 4
Blocks = dict[int, int]


def originals(*targets: str) -> dict[str, File]:
    return {name: File(f"/disks/{name}.img", "raw", original=True) for name in targets}


@dataclass
class World:
    """A book and the files it is about. ``files`` holds the blocks that each file has itself."""

    content: Content
    files: dict[str, Blocks]
    truth: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    number: int = 0

    def read(self, layer: str) -> dict[str, list[int]]:
        """What the disks of a layer read as, through the layers below."""
        found: dict[str, list[int]] = {}
        for target in self.content.layer(layer).files:
            blocks: Blocks = {}
            for one in reversed(self.content.line(layer)):
                if target in one.files:
                    blocks |= self.files[one.files[target].path]
            found[target] = [blocks.get(number, 0) for number in range(BLOCKS)]
        return found

    def kept(self) -> dict[str, dict[str, list[int]]]:
        return {layer: self.read(layer) for layer in sorted(self.content.kept)}

    def id(self) -> str:
        self.number += 1
        return f"p{self.number}"

    def write(self, target: str, block: int) -> None:
        files = self.content.layer(self.content.active).files
        if target in files:
            self.number += 1
            self.files[files[target].path][block] = self.number

    def freeze(self) -> None:
        point = Point(self.id(), "", "", PointKind.FROZEN, "")
        now = self.content.layer(self.content.active).files
        self.switched(turns.frozen(self.content, point, now, point.id))
        self.truth[point.id] = self.read(self.content.points[-1].layer)

    def copy(self) -> None:
        point = Point(self.id(), "", "", PointKind.COPY, "")
        active = self.read(self.content.active)
        files = {name: File(f"/copies/{point.id}-{name}", "raw") for name in active}
        for name, file in files.items():
            self.files[file.path] = dict(enumerate(active[name]))
        self.content = turns.copied(self.content, point, files).goal
        self.truth[point.id] = active

    def attach(self) -> None:
        """A second disk comes; it is known from the next point on."""
        active = self.content.layer(self.content.active)
        if "vdb" in active.files:
            return
        self.files["/disks/vdb.img"] = {0: 9}
        files = {**active.files, **originals("vdb")}
        self.content = self.content.with_layer(replace(active, files=files))

    def restore(self, which: int) -> None:
        same = [p for p in self.content.points if self.disks(p.layer) == self.disks()]
        if same:
            point = same[which % len(same)]
            self.switched(turns.restored(self.content, point, self.id(), ""))
            assert self.read(self.content.active) == self.truth[point.id]

    def undo(self) -> None:
        undo = self.content.undo
        if undo is not None and self.disks(undo.layer) == self.disks():
            before = self.read(undo.layer)
            self.content = turns.undone(self.content, undo, "").goal
            assert self.read(self.content.active) == before

    def delete(self, which: int) -> None:
        if self.content.points:
            gone = self.content.points[which % len(self.content.points)]
            self.content = turns.forgotten(self.content, gone.id)
            self.tidy()

    def disks(self, layer: str = "") -> set[str]:
        return set(self.content.layer(layer or self.content.active).files)

    def switched(self, change: Change) -> None:
        for file in turns.new_files(self.content, change):
            assert file.path not in self.files, "a name was used before"
            self.files[file.path] = {}
        self.content = change.goal

    def tidy(self) -> None:
        while change := tidy.next_step(self.content):
            before = self.kept()
            self.perform(change)
            gone = tidy.freed(self.content, change)
            assert not any(file.original for file in gone)
            self.content = change.goal
            for file in gone:
                del self.files[file.path]
            assert self.kept() == before

    def perform(self, change: Change) -> None:
        """What QEMU does to the files."""
        pairs = tidy.written(self.content, change)
        kept_files = {
            file.path
            for id in self.content.kept - {change.layer}
            for file in self.content.layer(id).files.values()
        }
        for source, target in pairs:
            assert target.path not in kept_files, "a file that somebody keeps is written to"
            if change.kind is ChangeKind.PULL:
                self.files[target.path] = self.files[source.path] | self.files[target.path]
            elif change.kind is ChangeKind.COMMIT:
                self.files[target.path] |= self.files[source.path]
            else:
                self.files[target.path] = dict(self.files[source.path])


ACTIONS: tuple[Callable[[World, int], None], ...] = (
    lambda world, n: world.write(DISKS[n % 2], n % BLOCKS),
    lambda world, n: world.freeze(),
    lambda world, n: world.copy(),
    lambda world, n: world.restore(n),
    lambda world, n: world.undo(),
    lambda world, n: world.delete(n),
    lambda world, n: world.attach(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(ACTIONS) - 1), st.integers(0, 7)), max_size=40))
def test_no_merge_changes_what_any_point_or_the_instance_reads_as(
    story: list[tuple[int, int]],
) -> None:
    first = originals("vda")
    world = World(turns.begun(first), {"/disks/vda.img": {0: 1, 3: 2}})
    for action, number in story:
        ACTIONS[action](world, number)
        for point in world.content.points:
            assert world.read(point.layer) == world.truth[point.id]
        again = Book("u", "n", world.content, version=1)
        assert bookjson.from_text(bookjson.to_text(again)) == again
    now = world.read(world.content.active)
    while world.content.points:
        world.delete(0)
    world.tidy()
    assert world.read(world.content.active) == now
    assert tidy.is_plain(world.content), "something else than the original files is left"
    assert all(file.original for file in world.content.layers[0].files.values())


@given(st.lists(st.booleans(), max_size=12))
def test_tidying_ends_and_is_done_then(story: list[bool]) -> None:
    world = World(turns.begun(originals("vda")), {"/disks/vda.img": {}})
    for frozen in story:
        world.freeze() if frozen else world.restore(0)
    content = turns.forgotten(world.content, *(point.id for point in world.content.points))
    steps = tidy.steps(content)
    assert len(steps) < len(content.layers) or not steps
    assert not tidy.steps(steps[-1].goal if steps else content)


def test_only_the_point_itself_makes_a_merge_wait_for_another() -> None:
    world = World(turns.begun(originals("vda")), {"/disks/vda.img": {}})
    world.freeze()
    world.freeze()
    left = turns.forgotten(world.content, "p1")
    (step,) = tidy.steps(left)
    assert (step.kind, step.layer, step.below) == (ChangeKind.COMMIT, "1", "0")
    assert step.goal.layer("1").files["vda"].path == "/disks/vda.img"
    assert step.goal.layer("2").parent == "1"


def test_layers_are_found_by_their_line() -> None:
    content = Content((Layer("0", "", {}), Layer("1", "0", {})), active="1")
    assert [layer.id for layer in content.line("1")] == ["1", "0"]
