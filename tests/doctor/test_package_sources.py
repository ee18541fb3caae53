"""Where files come back from: the guest's cache, folders and ISOs, its own signed repositories.

One fault, a libc that is cut off, on disk images; what differs is where its package is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from lab import mending, native, packages
from lab.layout import Layout
from lab.mending import Doctor, Report
from tests.doctor import repository
from tests.doctor.repository import Key

Patients = Callable[..., Doctor]

LIBC: Final = "/usr/lib/x86_64-linux-gnu/libc.so.6"
CACHE: Final = "/var/cache/apt/archives"
#: where a package lies in a cache, on an installer's ISO, in a mirror, on a stick of somebody's
PLACES: Final = (".", "pool/main/g/glibc", "debian/pool/main/g/glibc", "some/of my/packages")


@pytest.fixture
def libc(patient: Patients, tmp_path: Path) -> tuple[Doctor, Path]:
    """A guest whose libc is cut off, and the package that mends it; no package is given yet."""
    doctor = patient(Layout.BIOS, "libc_truncated")
    file = packages.installed(doctor.disk, "libc6", mending.packages())
    given = tmp_path / "given"
    given.mkdir()
    return replace(doctor, packages=given), file


def mend(doctor: Doctor, *words: str) -> Report:
    """Have the libraries alone repaired."""
    return doctor.report("--repair", "--only", "base-libraries", "--brief", *words)


def why(report: Report) -> str:
    """Why nothing was mended."""
    assert report.mended == [], report.words
    (failed,) = report.data["repair"]["failed"]
    return str(failed["why"])


@pytest.mark.parametrize("place", PLACES)
def test_a_package_is_found_wherever_it_lies_below_a_folder(
    place: str, libc: tuple[Doctor, Path]
) -> None:
    doctor, file = libc
    (doctor.packages / place).mkdir(parents=True, exist_ok=True)
    shutil.copy(file, doctor.packages / place)
    report = mend(doctor, "--offline")
    assert (report.mended, report.seen()) == (["base-libraries"], []), report.words


def test_a_damaged_package_in_the_guests_cache_does_not_hide_a_whole_one(
    libc: tuple[Doctor, Path], tmp_path: Path
) -> None:
    doctor, file = libc
    damaged = tmp_path / file.name
    damaged.write_bytes(file.read_bytes()[:400_000])
    packages.put(doctor.disk, damaged, f"{CACHE}/{file.name}")
    before = native.read(doctor.disk, LIBC)
    assert "is damaged" in why(mend(doctor, "--offline"))
    assert native.read(doctor.disk, LIBC) == before
    shutil.copy(file, doctor.packages)
    assert mend(doctor, "--offline").mended == ["base-libraries"]


def test_a_package_of_that_version_with_another_library_is_refused(
    libc: tuple[Doctor, Path], tmp_path: Path
) -> None:
    doctor, file = libc
    tree = tmp_path / "tree"
    _dpkg_deb("-R", file, tree)
    (library,) = tree.rglob("libc.so.6")
    library.write_bytes(library.read_bytes()[:-1] + b"!")
    _dpkg_deb("-Znone", "-b", tree, doctor.packages / file.name)
    before = native.read(doctor.disk, LIBC)
    assert "is not the file that the database names" in why(mend(doctor, "--offline"))
    assert native.read(doctor.disk, LIBC) == before


def test_with_no_package_anywhere_it_is_told_what_is_missing(libc: tuple[Doctor, Path]) -> None:
    assert "libc6" in why(mend(libc[0], "--offline"))


def test_a_dry_run_says_where_the_package_would_come_from(libc: tuple[Doctor, Path]) -> None:
    doctor, file = libc
    words = ("--repair", "--dry-run", "--offline", "--only", "base-libraries")
    assert "      from nowhere: give it with --packages\n" in doctor.run(*words).stdout
    shutil.copy(file, doctor.packages)
    plan = json.loads(doctor.run(*words, "--json").stdout)
    (package,) = plan["packages"]
    assert (package["package"], package["origin"]) == ("libc6", "given")
    assert any(line.endswith(LIBC) for line in plan["difference"])


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[tuple[Key, Key]]:
    """The key that the guest knows, and a stranger's."""
    with (
        repository.key(tmp_path / "own", "own@example.org") as own,
        repository.key(tmp_path / "stranger", "stranger@example.org") as stranger,
    ):
        yield own, stranger


def configure(doctor: Doctor, key: Key, text: str, name: str = "sources.list") -> None:
    """Have the guest use this source alone, and know this key."""
    folder = doctor.packages.parent
    source = folder / "source"
    source.write_text(text)
    packages.put(doctor.disk, key.public(folder / "key.gpg"), "/usr/share/keyrings/test.gpg")
    for one in ("sources.list", "sources.list.d/debian.sources"):
        packages.put(doctor.disk, Path("/dev/null"), f"/etc/apt/{one}")
    packages.put(doctor.disk, source, f"/etc/apt/{name}")


def test_what_the_guests_repository_has_is_downloaded_where_its_own_key_signed_it(
    libc: tuple[Doctor, Path], keys: tuple[Key, Key], tmp_path: Path
) -> None:
    doctor, file = libc
    repository.fill(tmp_path / "repository", file, keys[0])
    with repository.served(tmp_path / "repository") as url:
        text = f"deb [signed-by=/usr/share/keyrings/test.gpg] {url} test main\n"
        configure(doctor, keys[0], text)
        assert "libc6" in why(mend(doctor, "--offline"))
        report = mend(doctor)
    assert (report.mended, report.seen()) == (["base-libraries"], []), report.words


ONE_LINE: Final = "deb [{options}signed-by=/usr/share/keyrings/test.gpg] {url} test main\n"
DEB822: Final = (
    "Types: deb\nURIs: {url}\nSuites: test\nComponents: main\n"
    "Signed-By: /usr/share/keyrings/test.gpg\n{options}\n"
)
UNTRUSTED: Final = {
    "unsigned": (None, ONE_LINE, ""),
    "signed by a stranger": (1, ONE_LINE, ""),
    "unsigned, and the guest says to trust it": (None, ONE_LINE, "trusted=yes "),
    "a stranger's, and the guest says to trust it": (1, DEB822, "Trusted: yes\n"),
}


@pytest.mark.rotate(2)
@pytest.mark.parametrize(("signer", "form", "options"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_what_the_guests_keys_have_not_signed_is_never_used(
    signer: int | None,
    form: str,
    options: str,
    libc: tuple[Doctor, Path],
    keys: tuple[Key, Key],
    tmp_path: Path,
) -> None:
    doctor, file = libc
    repository.fill(tmp_path / "repository", file, None if signer is None else keys[signer])
    before = native.read(doctor.disk, LIBC)
    with repository.served(tmp_path / "repository") as url:
        name = "sources.list" if form is ONE_LINE else "sources.list.d/own.sources"
        configure(doctor, keys[0], form.format(url=url, options=options), name)
        said = why(mend(doctor))
    assert "not signed" in said or "NO_PUBKEY" in said, said
    assert native.read(doctor.disk, LIBC) == before


def _dpkg_deb(*words: str | Path) -> None:
    subprocess.run(["dpkg-deb", *map(str, words)], check=True, capture_output=True, timeout=120)
