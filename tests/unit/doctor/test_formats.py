"""What the doctor's parsers make of real text."""

from __future__ import annotations

from lifebuoy.guest.doctor.formats import accounts, fstab, grubcfg, mbr, pam, sshdconfig

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
