"""What cannot be part of a backup point is refused by name; the rest of a definition is kept."""

from __future__ import annotations

import struct

import pytest

from lifebuoy.backup import bookjson, definition, settling, turns
from lifebuoy.backup.book import Book, Change, ChangeKind, Content, File, Point, PointKind
from lifebuoy.backup.refusal import Found, refuse
from lifebuoy.backup.settling import Verdict
from lifebuoy.errors import BackupsDrifted, BackupsUnreadable, CannotBackUp
from lifebuoy.hypervisor import imageheader
from lifebuoy.hypervisor.imageheader import ImageHeader

RAW = ImageHeader("raw")


def domain(*disks: str) -> str:
    return f"<domain type='qemu'><name>web1</name><devices>{''.join(disks)}</devices></domain>"


def disk(
    inside: str = "",
    *,
    source: str = "<source file='/d/a.img'/>",
    form: str = "raw",
    kind: str = "file",
    device: str = "disk",
    target: str = "vda",
) -> str:
    return (
        f"<disk type='{kind}' device='{device}'><driver name='qemu' type='{form}'/>{source}"
        f"<target dev='{target}' bus='virtio'/>{inside}</disk>"
    )


def found(xml: str, header: ImageHeader | None = RAW, **more: object) -> list[Found]:
    return [Found(one, header, **more) for one in definition.disks(xml)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (disk("<shareable/>"), "shareable"),
        (disk("<transient/>"), "transient"),
        (disk("<backingStore/>"), "backing store"),
        (disk("<encryption format='luks'/>"), "encrypted"),
        (disk(source="<source file='/d/a'><slices/></source>"), "slices"),
        (disk(source="<source file='/d/a'><encryption/></source>"), "encrypted"),
        (disk("<mirror type='file'/>"), "block job"),
        (disk(source="<source dev='/dev/vg/a'/>", kind="block"), "block device"),
        (disk(source="<source protocol='rbd' name='p/a'/>", kind="network"), "network (rbd)"),
        (disk(source="<source type='pci'/>", kind="nvme"), "device of the host"),
        (disk(source="<source dir='/d'/>", kind="dir"), "folder"),
        (disk(device="lun"), "SCSI"),
        (disk(form="vmdk"), "format is vmdk"),
        (disk(form="qed"), "format is qed"),
        (disk(form="qcow2"), "looks like raw"),
    ],
)
def test_what_a_definition_says_is_refused_by_name(one: str, word: str) -> None:
    with pytest.raises(CannotBackUp) as caught:
        refuse("web1", found(domain(one)))
    assert word in caught.value.message and "vda" in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (None, "missing"),
        (ImageHeader("qcow2"), "looks like qcow2"),
        (ImageHeader("vmdk"), "looks like vmdk"),
        (ImageHeader("luks"), "looks like luks"),
    ],
)
def test_a_raw_disk_whose_file_is_something_else_is_refused(
    header: ImageHeader | None, word: str
) -> None:
    with pytest.raises(CannotBackUp, match=word):
        refuse("web1", found(domain(disk()), header))


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (ImageHeader("qcow2", encrypted=True), "encrypted"),
        (ImageHeader("qcow2", data_file=True), "another file"),
        (ImageHeader("qcow2", corrupt=True), "corrupt"),
    ],
)
def test_qcow2_files_that_overlays_would_betray_are_refused(header: ImageHeader, word: str) -> None:
    with pytest.raises(CannotBackUp, match=word):
        refuse("web1", found(domain(disk(form="qcow2")), header))


def test_files_that_others_use_and_odd_sizes_are_refused() -> None:
    with pytest.raises(CannotBackUp, match="'web2'"):
        refuse("web1", found(domain(disk()), users=("web2",)))
    with pytest.raises(CannotBackUp, match="512"):
        refuse("web1", found(domain(disk()), size_bytes=1000))
    with pytest.raises(CannotBackUp, match="same file as vda"):
        refuse("web1", found(domain(disk(), disk(target="vdb"))))
    with pytest.raises(CannotBackUp, match="nothing to keep"):
        refuse("web1", found(domain(disk("<readonly/>"), disk(device="cdrom"))))


def test_all_obstacles_are_told_at_once() -> None:
    both = domain(
        disk("<shareable/>"), disk(target="vdb", form="vdi", source="<source file='/b'/>")
    )
    with pytest.raises(CannotBackUp) as caught:
        refuse("web1", found(both))
    assert "vda" in caught.value.message and "vdb" in caught.value.message


def test_an_image_says_what_it_is() -> None:
    head = bytearray(imageheader.HEADER_BYTES)
    assert imageheader.parse(bytes(head)).format == "raw" == imageheader.parse(b"").format
    struct.pack_into(">4sIQI", head, 0, b"QFI\xfb", 3, 1024, 5)
    head[1024:1029] = b"/base"
    struct.pack_into(">QI", head, 24, 1 << 30, 2)
    struct.pack_into(">I", head, 60, 1)
    struct.pack_into(">Q", head, 72, 4 | 2)
    found = imageheader.parse(bytes(head))
    assert found == ImageHeader("qcow2", 1 << 30, "/base", True, True, True, 1)
    assert imageheader.parse(b"KDMV" + bytes(600)).format == "vmdk"
    assert imageheader.parse(b"QFI\xfb" + struct.pack(">I", 1) + bytes(100)).format != "qcow2"


def test_switching_there_and_back_leaves_every_other_byte() -> None:
    xml = domain(
        disk("<serial>kept</serial><boot order='1'/>"),
        disk("<readonly/>", target="hda", device="cdrom", source="<source file='/c.iso'/>"),
        disk(kind="volume", source="<source pool='p' volume='v'/>", target="vdb"),
    )
    before = {"vda": File("/d/a.img", "raw"), "vdb": File("/p/v", "raw", volume="v")}
    after = {"vda": File("/d/o.qcow2", "qcow2"), "vdb": File("/p/o", "qcow2", volume="o")}
    there = definition.switched(xml, after)
    assert definition.matches(there, after) and not definition.matches(there, before)
    assert definition.sources(there) == {"vda": "/d/o.qcow2", "hda": "/c.iso", "vdb": "o"}
    back = definition.switched(there, before)
    assert definition.same(back, xml) and definition.matches(back, before)


def frozen() -> tuple[Content, Change]:
    files = {"vda": File("/d/a.img", "raw", original=True)}
    content = turns.begun(files)
    point = Point("p1", "", "", PointKind.FROZEN, "")
    return content, turns.frozen(content, point, files, "p1")


def test_what_was_cut_off_is_settled_by_what_the_definition_names() -> None:
    content, change = frozen()
    before = domain(disk())
    (new,) = turns.new_files(content, change)
    after = definition.switched(before, change.goal.layer("1").files)
    for known in (None, content):
        book = Book("u", "web1", known, change)
        assert settling.verdict(book, before) is Verdict.BACK
        assert settling.verdict(book, after) is Verdict.FORWARD
        with pytest.raises(BackupsDrifted):
            settling.verdict(book, domain(disk(source="<source file='/d/other'/>")))
    copy = Change(ChangeKind.COPY, change.goal, "1")
    assert settling.verdict(Book("u", "web1", content, copy), after) is Verdict.BACK
    merge = Change(ChangeKind.COMMIT, change.goal, "1", "0")
    assert settling.verdict(Book("u", "web1", content, merge), after) is Verdict.AGAIN
    assert settling.verdict(Book("u", "web1", content), before) is Verdict.NOTHING
    assert new.path == "/d/a.img.lifebuoy-p1-vda.qcow2"


def test_disks_that_somebody_changed_are_noticed() -> None:
    content, change = frozen()
    book = Book("u", "web1", change.goal)
    settling.require_known(book, definition.switched(domain(disk()), change.goal.layer("1").files))
    for xml in (domain(disk()), domain()):
        with pytest.raises(BackupsDrifted, match="vda"):
            settling.require_known(book, xml)
    settling.require_known(Book("u", "web1", None), domain(disk()))
    assert content


def test_a_list_that_cannot_be_read_is_said_to_be_so() -> None:
    _, change = frozen()
    text = bookjson.to_text(Book("u", "web1", change.goal, change, 7))
    assert bookjson.from_text(text).version == 7
    for damaged in (b"", text[:50], b"\0" * 64 + text[64:], b"[]", b'{"format": 99}'):
        with pytest.raises(BackupsUnreadable):
            bookjson.from_text(damaged)


def test_a_new_file_has_a_name_that_fits() -> None:
    path = turns.beside("/d/" + "ä" * 130, "0123abcd-vda", "qcow2")
    assert len(path.removeprefix("/d/").encode()) <= 255 and path.endswith("-vda.qcow2")
    again = turns.beside(path, "9999ffff-vda", "qcow2")
    assert again.count(".lifebuoy-") == 1
