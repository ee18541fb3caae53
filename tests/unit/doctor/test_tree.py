"""The tree of a hostile disk leads nowhere but into itself."""

from __future__ import annotations

import os
from pathlib import Path

from lifebuoy.guest.doctor.checks import registry
from lifebuoy.guest.doctor.model import Link
from lifebuoy.guest.doctor.tree import Tree


def test_an_absolute_link_stays_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("theirs")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert Tree(str(tmp_path)).read("/link") == b"theirs"


def test_dots_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("ours")
    (root / "a/up").symlink_to("../../../../secret")
    tree = Tree(str(root))
    assert tree.read("/a/up") is None
    assert tree.read("/../secret") is None
    assert tree.read("/a/../../secret") is None


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("c/c/c/c/c/c/c/c")
    tree = Tree(str(tmp_path))
    assert tree.resolve("/a") is None
    assert tree.resolve("/c/x") is None


def test_a_path_of_any_depth_is_answered(tmp_path: Path) -> None:
    assert Tree(str(tmp_path)).resolve("/a" * 100_000) is None


def test_pipes_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Tree(str(tmp_path)).read("/pipe") is None


def test_folders_mounted_in_the_guest_are_looked_for_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "root/boot").mkdir(parents=True)
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/grub.cfg").write_text("menu")
    tree = Tree(str(tmp_path / "root"))
    tree.add("/boot", str(tmp_path / "boot"))
    assert tree.read("/boot/grub/grub.cfg") == b"menu"
    assert tree.read("/boot/../boot/grub/grub.cfg") == b"menu"


def test_every_check_says_what_it_is_and_reads() -> None:
    checks = registry()
    assert len(checks) >= 25
    assert len({check.ID for check in checks}) == len(checks)
    assert all(check.TITLE and check.READS and check.LINK in Link for check in checks)
