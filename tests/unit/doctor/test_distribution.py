"""What is said about a distribution: which it is, its loader's files, its kernels, its words."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lifebuoy.guest.doctor import distribution, kernels, openrc
from lifebuoy.guest.doctor.distribution import Family
from lifebuoy.guest.doctor.formats import bls, syslinuxcfg
from lifebuoy.guest.doctor.tree import Tree


def system(folder: Path, release: str = "", *files: str) -> Tree:
    (folder / "etc").mkdir()
    if release:
        (folder / "etc/os-release").write_text(release)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return Tree(str(folder))


@pytest.mark.parametrize(
    ("release", "family", "loader_folder"),
    [
        ("ID=debian\n", Family.DEBIAN, "debian"),
        ("ID=ubuntu\nID_LIKE=debian\n", Family.DEBIAN, "ubuntu"),
        ("ID=fedora\n", Family.RPM, "fedora"),
        ('ID="rhel"\nID_LIKE="fedora"\n', Family.RPM, "redhat"),
        ('ID="ol"\nID_LIKE="fedora"\n', Family.RPM, "redhat"),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', Family.RPM, "almalinux"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', Family.RPM, "opensuse"),
        ("ID=alpine\n", Family.ALPINE, "alpine"),
        ("ID=manjaro\nID_LIKE=arch\n", Family.ARCH, "manjaro"),
        ("ID=void\n", Family.OTHER, "void"),
    ],
)
def test_a_system_is_known_by_what_it_calls_itself(
    release: str, family: Family, loader_folder: str, tmp_path: Path
) -> None:
    found = distribution.of(system(tmp_path, release))
    assert (found.family, found.loader_folder) == (family, loader_folder)


@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("etc/debian_version", Family.DEBIAN),
        ("var/lib/dpkg/status", Family.DEBIAN),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", Family.RPM),
        ("lib/apk/db/installed", Family.ALPINE),
        ("var/lib/pacman/local/ALPM_DB_VERSION", Family.ARCH),
    ],
)
def test_a_system_without_a_name_is_known_by_its_package_manager(
    file: str, family: Family, tmp_path: Path
) -> None:
    assert distribution.of(system(tmp_path, "", file)).family is family


def test_every_family_has_words_of_its_own_and_leaves_nothing_to_fill_in(tmp_path: Path) -> None:
    for number, name in enumerate(("debian", "fedora", "suse", "alpine", "arch", "other")):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = distribution.of(system(folder, f"ID={name}\n"))
        lines = [
            *found.put_back("/usr/lib/libc.so.6"),
            *found.kernel("virt", "6.6.1-0-virt"),
            *found.initramfs("/boot/x", "virt", "6.6.1-0-virt"),
        ]
        assert lines and not any("{" in line for line in lines)


def image(said: bytes) -> bytes:
    head = bytearray(0x4000)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x3000 - 0x200)
    head[0x3000 : 0x3000 + len(said)] = said
    return bytes(head)


def test_a_kernel_called_by_its_kind_has_the_modules_that_its_image_names(tmp_path: Path) -> None:
    tree = system(tmp_path, "", "boot/initramfs-linux.img")
    (tmp_path / "boot/vmlinuz-linux").write_bytes(image(b"6.11.5-arch1-1 (linux@archlinux) #1"))
    (found,) = kernels.kernels(tree)
    assert (found.version, found.release) == ("linux", "6.11.5-arch1-1")
    assert found.initrd == "initramfs-linux.img"


def test_a_kernel_whose_image_says_nothing_is_known_by_what_came_with_it(tmp_path: Path) -> None:
    tree = system(tmp_path, "", "boot/vmlinuz-linux", "usr/lib/modules/6.11.5-arch1-1/x")
    (tmp_path / "usr/lib/modules/6.11.5-arch1-1/pkgbase").write_text("linux\n")
    assert kernels.kernels(tree)[0].release == "6.11.5-arch1-1"


def test_a_loader_entry_is_read_as_the_specification_has_it() -> None:
    entry = bls.parse(
        "# by hand\ntitle  Fedora Linux (6.11)\nlinux /vmlinuz-6.11\n"
        "initrd /ucode.img\ninitrd /initramfs-6.11.img $tuned_initrd\n"
        "options root=UUID=1 ro\noptions quiet\n"
    )
    assert entry.title == "Fedora Linux (6.11)"
    assert entry.linux == "/vmlinuz-6.11"
    assert entry.initrds == ("/ucode.img", "/initramfs-6.11.img", "$tuned_initrd")
    assert entry.options == ("root=UUID=1", "ro", "quiet")


def test_the_environment_of_grub_keeps_equals_signs() -> None:
    found = bls.environment("# GRUB Environment Block\nkernelopts=root=UUID=1 ro\n######")
    assert found == {"kernelopts": "root=UUID=1 ro"}


def test_the_label_marked_in_the_menu_is_the_default_of_extlinux() -> None:
    config = syslinuxcfg.parse(
        "DEFAULT menu.c32\nLABEL lts\n  LINUX vmlinuz-lts\nLABEL virt\n  MENU DEFAULT\n"
        "  LINUX vmlinuz-virt\n  INITRD a,b\n  APPEND root=UUID=1 quiet\n"
    )
    chosen = config.chosen()
    assert chosen is not None
    assert (chosen.name, chosen.initrds, chosen.argument("root")) == ("virt", ("a", "b"), "UUID=1")
    assert config.menu == "menu.c32"


def test_logins_of_an_inittab_are_what_it_keeps_running() -> None:
    text = "::sysinit:/sbin/openrc sysinit\n#tty3::respawn:/sbin/getty\ntty1::respawn:/sbin/getty\n"
    assert openrc.getties(text) == ["tty1"]
