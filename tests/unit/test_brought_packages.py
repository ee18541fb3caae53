"""Packages that an owner brings: what is refused, and what is on the ISO that is made of them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final

import pycdlib
import pytest

from lifebuoy.errors import BadInput
from lifebuoy.rescue import packages

LIBC: Final = "libc6_2.36-9+deb12u9_amd64.deb"


def folder(place: Path, *names: str) -> Path:
    """A folder with files of these names, each with its name as content."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    return place


def iso(path: Path, *sources: Path) -> Path:
    """What would go into the drive, kept."""
    with packages.look(sources).medium() as medium:
        path.write_bytes(medium.read_bytes())
    return path


def read(path: Path) -> dict[str, bytes]:
    """All files of an ISO, by their names as Linux sees them."""
    opened, found = pycdlib.PyCdlib(), {}
    opened.open(str(path))
    for at, _, names in opened.walk(rr_path="/"):
        for name in names:
            data = BytesIO()
            opened.get_file_from_iso_fp(data, rr_path=f"{at.rstrip('/')}/{name}")
            found[f"{at.rstrip('/')}/{name}"] = data.getvalue()
    opened.close()
    return found


def test_all_packages_of_folders_are_on_the_iso_under_their_own_names(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", LIBC, "pool/a b/x_1%3a2~rc-1_all.deb", f"old/{LIBC}", "notes")
    two = folder(tmp_path / "two", LIBC, "-x_1_all.deb", "two words_1_all.deb", "$(id)_1_all.deb")
    found = read(iso(tmp_path / "made.iso", one, two))
    names = sorted(path.rpartition("/")[2] for path in found)
    assert names == [LIBC, LIBC, LIBC, "x_1%3a2~rc-1_all.deb"]
    assert sorted(found.values()) == sorted(
        [LIBC.encode(), f"old/{LIBC}".encode(), LIBC.encode(), b"pool/a b/x_1%3a2~rc-1_all.deb"]
    )


def test_a_package_is_found_among_what_is_brought_by_its_name_in_a_cache_or_a_mirror(
    tmp_path: Path,
) -> None:
    debs = folder(tmp_path / "debs", LIBC, "a/x_1%3a2-1_all.deb", "b/y_2-1_all.deb")
    brought = packages.look([debs])
    assert brought.has_file("libc6", "2.36-9+deb12u9", "amd64")
    assert brought.has_file("x", "1:2-1", "all") and brought.has_file("y", "1:2-1", "all")
    assert not brought.has_file("libc6", "2.36-9", "amd64")
    assert not brought.has_iso and packages.look([debs, iso(tmp_path / "a.iso", debs)]).has_iso


def test_one_iso_goes_as_it_is_and_several_things_onto_one(tmp_path: Path) -> None:
    source = folder(tmp_path / "one", LIBC)
    first = iso(tmp_path / "first.iso", source)
    alone = packages.look([first])
    assert (alone.as_it_is, alone.inner, alone.words) == (first, 0, "1 ISO, 1 MiB"), alone.words
    both = packages.look([first, source, first])
    assert (both.as_it_is, both.inner) == (None, 1)
    found = read(iso(tmp_path / "both.iso", first, source))
    assert found["/1.iso"] == first.read_bytes()
    assert [path for path in found if path.endswith(LIBC)] == [f"/d0/{LIBC}"]
    assert both.size_bytes >= (tmp_path / "both.iso").stat().st_size


def test_another_medium_has_another_head(tmp_path: Path) -> None:
    one = iso(tmp_path / "one.iso", folder(tmp_path / "one", LIBC))
    other = iso(tmp_path / "other.iso", folder(tmp_path / "other", "x_1_all.deb", "y_1_all.deb"))
    assert packages.head_sha256(one) == packages.head_sha256(one) != packages.head_sha256(other)


def test_what_was_changed_meanwhile_is_noticed(tmp_path: Path) -> None:
    source = folder(tmp_path / "one", LIBC)
    before = packages.look([source]).identity
    assert packages.look([source]).identity == before
    (source / LIBC).write_text("something else")
    assert packages.look([source]).identity != before


def bad(place: Path) -> dict[str, tuple[Path, str]]:
    """What is no source of packages, with words of the refusal."""
    good = iso(place / "good.iso", folder(place / "good", LIBC)).read_bytes()
    (place / "cut.iso").write_bytes(good[:-4096])
    (place / "short.iso").write_bytes(good[:30_000])
    (place / "text.iso").write_text("x" * 100_000)
    return {
        "missing": (place / "missing", "No such file"),
        "without packages": (folder(place / "none", "notes", "x.rpm"), "no .deb file"),
        "a package": (place / "good" / LIBC, "no ISO image"),
        "no ISO": (place / "text.iso", "no ISO image"),
        "a short file": (place / "short.iso", "no ISO image"),
        "an ISO cut short": (place / "cut.iso", "is cut short"),
        "a device": (Path("/dev/null"), "neither a folder nor an ISO"),
        "a file that commands a terminal": (place / "\x1b[2J", r"\[2J"),
    }


def test_what_is_no_source_of_packages_is_refused(tmp_path: Path) -> None:
    for case, (path, words) in bad(tmp_path).items():
        with pytest.raises(BadInput, match=words) as caught:
            packages.look([tmp_path / "good", path])
        assert caught.value.message.isprintable(), case
