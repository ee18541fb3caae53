"""What the doctor's parsers make of real text."""

from __future__ import annotations

import struct

from lifebuoy.guest.doctor.formats import accounts, fstab, grubcfg, grubcore, mbr, pam, sshdconfig
from lifebuoy.guest.doctor.packages import dpkg

CONFIG = """
set default="0"
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
fi
menuentry 'One' --class a $menuentry_id_option 'id-one' {
    search --no-floppy --fs-uuid --set=root 11111111-2222
    linux /boot/vmlinuz-6.1 root=UUID=11111111-2222 ro quiet
    initrd /boot/initrd.img-6.1
}
submenu 'More' {
    menuentry 'Two' {
        linux /boot/vmlinuz-6.0 root=/dev/vda1
    }
}
"""


def test_the_entries_of_a_grub_config_are_read_with_what_they_load() -> None:
    config = grubcfg.parse(CONFIG)
    one, two = config.entries
    assert (one.linux, one.initrds) == ("/boot/vmlinuz-6.1", ("/boot/initrd.img-6.1",))
    assert one.searches == ["11111111-2222"]
    assert one.argument("root") == "UUID=11111111-2222"
    assert (two.linux, two.initrds) == ("/boot/vmlinuz-6.0", ())
    assert config.default == "0"
    assert not config.unbalanced


def test_an_fstab_line_becomes_a_comment_and_the_rest_is_kept_byte_for_byte() -> None:
    text = "a / ext4 x 0 1\n# mine\nb  /srv\text4 defaults 0 2\n"
    assert (
        fstab.without(text, {3}, "off")
        == "a / ext4 x 0 1\n# mine\n# off\n#b  /srv\text4 defaults 0 2\n"
    )


def test_spaces_in_a_mount_point_are_unescaped() -> None:
    (line,) = fstab.parse("UUID=1 /srv/my\\040data ext4 nofail 0 0\n")
    assert line.where == "/srv/my data"
    assert line.optional


def test_a_line_with_too_few_fields_is_malformed() -> None:
    (line,) = fstab.parse("UUID=1\n")
    assert line.malformed


def test_a_passwd_line_without_a_field_is_malformed() -> None:
    text = "root:x:0:0:root:/root:/bin/bash\nbroken:x:1:/home\n"
    assert accounts.malformed(text, "passwd") == [2]
    assert [one.name for one in accounts.accounts(text)] == ["root"]


def test_pam_rules_tell_modules_from_included_files() -> None:
    text = "auth [success=1 default=ignore] pam_unix.so nullok\n@include common-auth\n"
    text += "-session optional pam_systemd.so\n"
    unix, include, systemd = pam.parse(text)
    assert (unix.module, unix.include) == ("pam_unix.so", False)
    assert include.include
    assert systemd.optional


def test_sshd_stops_at_unknown_keywords_and_wrong_values() -> None:
    text = "Port 22\nPermitRotLogin yes\nUsePAM maybe\nMatch User a\n  X11Forwarding no\n"
    assert [fault.number for fault in sshdconfig.faults(text)] == [2, 3]


def test_a_table_that_overlaps_itself_is_not_plausible() -> None:
    def entry(start: int, length: int) -> bytes:
        return b"\0\0\0\0\x83\0\0\0" + start.to_bytes(4, "little") + length.to_bytes(4, "little")

    good = bytes(446) + entry(2048, 100) + entry(4096, 100) + bytes(34)
    bad = bytes(446) + entry(2048, 4096) + entry(4096, 100) + bytes(34)
    assert mbr.plausible(good, 10_000)
    assert not mbr.plausible(bad, 10_000)
    assert not mbr.signed(good)


def core_with_redundancy(data: bytes) -> tuple[bytes, bytes]:
    """A core image in its file, and in its place with as much redundancy behind it."""
    raw = bytearray(data)
    struct.pack_into("<II", raw, 0x210, 0, 0x300)  # no redundancy yet; unprotected up to 0x500
    core = bytes(raw)
    struct.pack_into("<I", raw, 0x210, len(core))
    return core, bytes(raw) + bytes(len(core))


def test_a_scratch_in_grubs_core_image_is_made_up_for_and_a_hole_is_not() -> None:
    core, embedded = core_with_redundancy(bytes(range(256)) * 100)
    assert grubcore.made_up_for(embedded, core)
    for at, length, expected in (
        (0x2000, 4096, True),
        (0x2000, 12_000, False),
        (0x100, 16, False),  # of the sector that loads the rest
        (0x300, 16, False),  # of the code that makes up for it
    ):
        scratched = embedded[:at] + b"\xff" * length + embedded[at + length :]
        assert grubcore.made_up_for(scratched, core) is expected, hex(at)
    assert not grubcore.made_up_for(b"", b"")


def test_grub_words_are_split_as_a_shell_does() -> None:
    entry = grubcfg.parse(
        'menuentry \'A "b"\' --class x $menuentry_id_option "c d" {\n'
        "\tsearch --no-floppy --fs-uuid --set=root 1-2\n"
        '\tif [ x"${f}" = xy ]; then true; fi\n'
        '\tlinux /vmlinuz root=UUID=1-2 "a=b c" d\\ e\n'
        "\tinitrd /early.img /initrd\n}\nset default='1'\n"
    )
    (one,) = entry.entries
    assert one.title == 'A "b"'
    assert one.arguments == ("root=UUID=1-2", "a=b c", "d e")
    assert one.initrds == ("/early.img", "/initrd")
    assert one.searches == ["1-2"]
    assert entry.default == "1"
    assert not entry.unbalanced


def test_dpkgs_diversions_and_overrides_are_read_by_their_canonical_paths() -> None:
    assert dpkg.diversions_of("/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/a\n/usr/bin/a.b\n:\n") == {
        "/usr/bin/sh": "dash",
        "/usr/bin/a": ":",
    }
    assert dpkg.overrides_of("root adm 4750 /bin/su\nroot root 0x1 /a\nroot #12 755 /b c\n") == {
        "/usr/bin/su": dpkg.Override("root", "adm", 0o4750),
        "/b c": dpkg.Override("root", "#12", 0o755),
    }


def test_what_dpkg_leaves_out_is_matched_across_folders() -> None:
    (first, out), (second, kept) = dpkg.left_out_by(
        "force-unsafe-io\npath-exclude=/usr/share/a/*\npath-include /usr/share/a/*/b\n"
    )
    assert (out, kept) == (True, False)
    assert first.match("/usr/share/a/x/y") and not first.match("/usr/share/b/x")
    assert second.match("/usr/share/a/x/y/b")


def test_packages_of_another_architecture_are_told_apart() -> None:
    text = "".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: {kind}\nVersion: 1\n\n"
        for name, kind in (("dpkg", "amd64"), ("libc6", "amd64"), ("libc6", "i386"), ("a", "all"))
    )
    keys = [one.key for one in dpkg.with_foreign(dpkg.packages_of(text))]
    assert keys == ["dpkg", "libc6", "libc6:i386", "a"]
