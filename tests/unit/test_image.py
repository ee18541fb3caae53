"""The rescue image's pure parts, and the catalogue with small files that look like ISOs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifebuoy.errors import BadInput, ImageNotFound, ImageUnusable
from lifebuoy.image import (
    Catalogue,
    ImageKind,
    builder,
    doctor,
    initramfs,
    iso,
    root,
    screenfont,
)

DEP = """\
kernel/drivers/scsi/sr_mod.ko: kernel/drivers/cdrom/cdrom.ko kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/cdrom/cdrom.ko:
kernel/drivers/scsi/scsi_mod.ko:
kernel/drivers/usb/storage/usb-storage.ko: kernel/drivers/scsi/scsi_mod.ko
"""


def bootable(path: Path, extra: bytes = b"") -> Path:
    """A file with the descriptors that make an ISO 9660 image bootable."""
    primary = b"\x01CD001\x01".ljust(2048, b"\0")
    record = (b"\x00CD001\x01" + b"EL TORITO SPECIFICATION").ljust(2048, b"\0")
    path.write_bytes(b"\0" * 32768 + primary + record + extra)
    return path


def test_a_module_comes_with_all_it_needs_and_unknown_ones_are_left_out() -> None:
    found = initramfs.with_dependencies(["sr_mod", "usb_storage", "built_in"], DEP)
    assert found == sorted(line.partition(":")[0] for line in DEP.splitlines())


def test_the_initramfs_looks_for_the_virtio_cd_first() -> None:
    groups = initramfs.module_groups((builder.GUEST / "initramfs-modules.txt").read_text())
    assert "virtio_scsi" in groups[0] and "ahci" in groups[1] and "usb_storage" in groups[2]


def test_the_volume_label_fits_iso_9660_and_is_the_images_own() -> None:
    label = iso.volume_label("0123456789abcdef")
    assert len(label) <= 32 and label != iso.volume_label("fedcba9876543210")
    assert label.replace("_", "").isalnum() and label.isupper()


def test_every_file_of_the_guest_has_a_place_in_the_root() -> None:
    tar_names = {target for _, target, _ in root.entries(builder.GUEST)}
    assert {"usr/sbin/system-mount", "usr/lib/lifebuoy/start", "etc/ssh/sshd_config"} <= tar_names
    assert root.our_files(builder.GUEST, 0) == root.our_files(builder.GUEST, 0)


def test_the_screens_text_is_drawn_by_private_characters_only() -> None:
    text = (builder.GUEST / "etc/notice.zh").read_text()
    shown = screenfont.for_screen(text, screenfont.halves_of(text))
    assert all(ord(char) < 0x7F or 0xE000 <= ord(char) < 0xE100 for char in shown)


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=120))
def test_different_characters_never_share_a_glyph(text: str) -> None:
    halves = screenfont.halves_of(text)
    cells = "".join(halves.values())
    assert len(set(cells)) == len(cells) == 2 * len(set(text))


def test_an_owners_image_is_added_whole_verified_and_removed(tmp_path: Path) -> None:
    source = bootable(tmp_path / "own.iso", b"system")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    catalogue = Catalogue(tmp_path / "images")
    image = catalogue.add(source, image_id="own", name="Own", sha256=digest)
    assert (image.kind, image.sha256, image.is_default) == (ImageKind.OTHER, digest, True)
    assert catalogue.verify() == image
    catalogue.remove("own")
    assert catalogue.list() == []
    with pytest.raises(ImageNotFound):
        catalogue.get()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"not an iso", "no ISO"), (b"\0" * 32768 + b"\x01CD001".ljust(4096, b"\0"), "not bootable")],
)
def test_what_does_not_boot_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        Catalogue(tmp_path / "images").add(
            tmp_path / "file", image_id="own", name="Own", sha256=None
        )
    assert not list((tmp_path / "images").glob("own"))


def test_another_hash_than_the_given_one_adds_nothing(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "images")
    with pytest.raises(BadInput, match="another SHA-256"):
        catalogue.add(bootable(tmp_path / "i"), image_id="own", name="Own", sha256="0" * 64)
    assert catalogue.list() == [] and list(catalogue.folder.iterdir()) == []


@pytest.mark.parametrize("image_id", ["", "../x", "Own", "lifebuoy", "-x", "a" * 64])
def test_an_id_that_is_no_plain_name_is_refused(tmp_path: Path, image_id: str) -> None:
    with pytest.raises(BadInput):
        Catalogue(tmp_path / "images").add(
            bootable(tmp_path / "i"), image_id=image_id, name="Own", sha256=None
        )


def test_an_altered_image_is_noticed(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "images")
    image = catalogue.add(bootable(tmp_path / "i"), image_id="own", name="Own", sha256=None)
    with image.path.open("r+b") as stream:
        stream.write(b"x")
    with pytest.raises(ImageUnusable, match="altered"):
        catalogue.verify("own")
    image.path.unlink()
    with pytest.raises(ImageUnusable, match="missing"):
        catalogue.verify("own")


def test_the_name_on_a_host_changes_with_the_content(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "images")
    image = catalogue.add(bootable(tmp_path / "i"), image_id="own", name="Own", sha256=None)
    assert image.media_name != replace(image, sha256="0" * 64).media_name


def test_one_image_is_the_default_until_another_is_chosen(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "images")
    for number, image_id in enumerate(("one", "two")):
        source = bootable(tmp_path / image_id, bytes([number]))
        catalogue.add(source, image_id=image_id, name=image_id, sha256=None)
    assert catalogue.get().id == "one"
    catalogue.set_default("two")
    assert [image.id for image in catalogue.list() if image.is_default] == ["two"]


def test_the_doctor_with_its_modules_compiled_is_the_same_each_time_and_runs(
    tmp_path: Path,
) -> None:
    compile_it = doctor.COMPILE.replace('"/run"', repr(str(tmp_path)))
    made = []
    for name in ("one", "other"):
        program = tmp_path / name
        program.write_bytes(doctor.zipapp(builder.GUEST, epoch=0))
        plain = subprocess.run([sys.executable, program, "--list"], capture_output=True, check=True)
        subprocess.run(
            [sys.executable, "-", str(program)],
            input=compile_it.encode(),
            env={"PYTHONHASHSEED": "0"},
            check=True,
        )
        done = subprocess.run([sys.executable, program, "--list"], capture_output=True, check=True)
        assert done.stdout == plain.stdout
        made.append(program.read_bytes())
    assert made[0] == made[1]
    names = set(zipfile.ZipFile(tmp_path / "one").namelist())
    assert {f"{name}c" for name in names if name.endswith(".py")} <= names
