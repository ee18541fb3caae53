"""What serial output says of a boot: messy lines, colours, dead ends that are none."""

from __future__ import annotations

import pytest

from lifebuoy.model import BootVerdict
from lifebuoy.operations import boot


@pytest.mark.parametrize(
    "output",
    [
        b"Debian GNU/Linux 12 web1 ttyS0\r\n\r\nweb1 login: ",
        b"\x1b[32m[  OK  ]\x1b[0m Started getty\r\n\x1b[0mweb1 login: ",
        b"CentOS Linux 7 (Core)\nKernel 3.10 on an x86_64\n\nlocalhost login: ",
    ],
)
def test_a_login_prompt_is_a_login(output: bytes) -> None:
    assert boot.judge(output) is BootVerdict.LOGIN


@pytest.mark.parametrize(
    "output",
    [
        b"error: file `/boot/grub/i386-pc/normal.mod' not found.\r\ngrub rescue> ",
        b"[    1.2] \x1b[31mKernel panic - not syncing: VFS: Unable to mount root fs",
        b"ALERT!  UUID=1 does not exist.  Dropping to a shell!\n(initramfs) ",
        b"You are in emergency mode. After logging in, type journalctl",
        b"Booting from Hard Disk...\r\nNo bootable device.\r\n",
        b"BdsDxe: No bootable option or device was found.",
        b"UEFI Interactive Shell v2.2\r\nShell> ",
    ],
)
def test_a_dead_end_is_told(output: bytes) -> None:
    assert boot.judge(output) is BootVerdict.FAILED


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"Loading initial ramdisk ...",
        b"Initramfs unpacking failed: invalid magic at start",
        b"Shell> startup.nsh\r\nLinux version 6.1\r\n",
    ],
)
def test_what_says_nothing_final_is_waited_for(output: bytes) -> None:
    assert boot.judge(output) is None


def test_the_last_line_is_shown_without_control_characters() -> None:
    assert boot.last_line(b"one\r\n\x1b[1mtwo\x07 three\x1b[0m\r\n\r\n") == "two three"
    assert boot.last_line(b"\x1b[2J\r\n") == ""
    assert len(boot.last_line(b"x" * 1000)) == 160


def test_a_boot_that_fails_names_the_link_that_broke() -> None:
    said = (
        b"GRUB loading.\r\nerror: unknown filesystem.\r\nEntering rescue mode...\r\ngrub rescue> "
    )
    report = boot.told(BootVerdict.FAILED, "", said, 3.0)
    assert report.link == "boot-loader"
    assert report.words == (
        "does not boot (boot loader: GRUB cannot read the file system of /boot, or looks at the "
        "wrong place), last seen: grub rescue>"
    )


def test_what_no_pattern_knows_is_told_as_it_was_seen() -> None:
    report = boot.told(BootVerdict.FAILED, "", b"the disk hums\r\n", 3.0)
    assert (report.link, report.means) == ("", "")
    assert report.words == "does not boot, last seen: the disk hums"
    assert boot.report_of({"verdict": "does not boot", "last_seen": "x"}).link == ""


def test_a_boot_that_reaches_its_login_has_no_cause_whatever_was_said_before() -> None:
    said = b"EXT4-fs error (device vda1): bad entry\r\nweb1 login: "
    assert boot.told(BootVerdict.LOGIN, "serial", said, 3.0).means == ""


def test_what_the_screen_alone_shows_is_what_was_seen_last() -> None:
    shown = b"GRUB loading.\nerror: unknown filesystem.\nEntering rescue mode...\ngrub rescue>\n"
    for said in (b"", b"Linux version 6.1\r\nolder words\r\n"):
        report = boot.told(BootVerdict.FAILED, "", said, 3.0, shown)
        assert (report.link, report.last_seen) == ("boot-loader", "grub rescue>")
