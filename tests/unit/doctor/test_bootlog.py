"""What machines say when a boot fails is read for its cause, however messy it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifebuoy.doctor.bootlog import clean, last_boot, read
from lifebuoy.doctor.patterns import PATTERNS

#: one thing said for each pattern, as seen on machines
SAID = {
    "nothing-to-boot": "Boot failed: not a bootable disk\n\nNo bootable device.\n",
    "boot-entry-not-found": 'BdsDxe: failed to load Boot0001 "debian" from HD(1,GPT): Not Found\n',
    "sbat": "Verifying shim SBAT data failed: Security Policy Violation\n",
    "bad-signature": "error: bad shim signature.\nerror: you need to load the kernel first.\n",
    "network-boot": ">>Start PXE over IPv4.\n",
    "uefi-shell": "UEFI Interactive Shell v2.2\nEDK II\nShell> ",
    "uefi-menu": "Device Manager\nBoot Manager\nBoot Maintenance Manager\n",
    "grub-symbol": "error: symbol `grub_calloc' not found.\nEntering rescue mode...\ngrub rescue> ",
    "grub-unknown-file-system": "error: unknown filesystem.\nEntering rescue mode...\ngrub rescue>",
    "grub-no-such-partition": "error: no such device: 0badf57a-0000-4000-8000-000000000000.\n",
    "grub-file-not-found": "error: file `/boot/vmlinuz-6.1' not found.\n",
    "grub-read-error": "Booting from Hard Disk...\nGRUB loading.\nRead Error\n",
    "grub-need-kernel": "error: you need to load the kernel first.\n",
    "grub-prompt": "grub> ",
    "kernel-unpacking": "crc error\n\n -- System halted",
    "initramfs-out-of-memory": "Initramfs unpacking failed: write error\n",
    "no-root-device": "VFS: Unable to mount root fs on unknown-block(0,0)\nKernel panic",
    "root-not-found": "ALERT!  UUID=0badf57a does not exist.  Dropping to a shell!\n(initramfs) ",
    "dracut-timeout": "dracut-initqueue[312]: Warning: dracut-initqueue: timeout, still waiting\n",
    "initramfs-shell": "BusyBox v1.35.0 built-in shell\n(initramfs) ",
    "fsck-manually": "/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n",
    "ext4-error": "EXT4-fs error (device vda1): ext4_lookup:1855: inode #2: bad entry\n",
    "xfs-corruption": "XFS (vda1): Metadata corruption detected at xfs_agi_verify\n",
    "disk-error": "I/O error, dev vda, sector 2048 op 0x0:(READ)\n",
    "disk-timed-out": "Timed out waiting for device dev-disk-by\\x2duuid-0badf57a.device\n",
    "unknown-file-system-type": "mount: /boot/efi: unknown filesystem type 'vfat'.\n",
    "library": "/sbin/init: error while loading shared libraries: libpam.so.0: cannot open\n",
    "init-cannot-run": "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\n",
    "out-of-memory": "Out of memory: Killed process 312 (systemd) total-vm:1000kB\n",
    "no-init": "run-init: /sbin/init: No such file or directory\nNo working init found.\n",
    "selinux": "systemd[1]: Failed to load SELinux policy, freezing.\n",
    "default-target": "Failed to load default target: No such file or directory\n",
    "root-locked": "Cannot open access to console, the root account is locked.\n",
    "emergency-mode": "You are in emergency mode. After logging in, type journalctl -xb\n",
    "panic": "Kernel panic - not syncing: Fatal exception\n",
}


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: str(pattern.id))
def test_each_pattern_is_recognised_in_what_a_machine_said(pattern: object) -> None:
    identity = getattr(pattern, "id", "")
    verdict = read(b"GRUB loading.\r\n" + SAID[identity].encode())
    assert verdict.cause is not None
    assert verdict.cause.pattern.id == identity


def test_a_library_is_the_cause_and_the_panic_its_symptom() -> None:
    text = "[    2.1] Kernel panic - not syncing: Attempted to kill init!\n" + SAID["library"]
    cause = read(text.encode()).cause
    assert cause is not None
    assert cause.pattern.id == "library"


def test_only_the_last_boot_counts() -> None:
    first = "SeaBIOS (version 1.16)\nGRUB loading.\nerror: unknown filesystem.\ngrub rescue> "
    second = "SeaBIOS (version 1.16)\nGRUB loading.\nLinux version 6.1.0\nweb1 login: "
    verdict = read((first + second).encode())
    assert verdict.reached_login
    assert verdict.cause is None


def test_what_was_said_before_a_login_did_not_stop_the_boot() -> None:
    text = (
        "Linux version 6.1.0\nEXT4-fs error (device vda1): x\nDebian 12 web1 ttyS0\n\nweb1 login: "
    )
    assert read(text.encode()).cause is None


def test_colours_carriage_returns_and_spinners_hide_nothing() -> None:
    raw = (
        b"[\x1b[0;1;31m TIME \x1b[0m] Timed out\r\n waiting for \x1b[1mdevice x\x1b[0m|\x08/\x08\r"
    )
    cause = read(raw).cause
    assert cause is not None
    assert cause.pattern.id == "disk-timed-out"


def test_an_archive_that_was_not_taken_is_harmless_where_the_boot_goes_on() -> None:
    text = "Linux version 6.1.0\nInitramfs unpacking failed: invalid magic at start\nweb1 login: "
    assert read(text.encode()).cause is None


def test_a_kernel_after_its_own_loader_is_the_same_boot() -> None:
    text = "GRUB loading.\nerror: no such device: x.\nLinux version 6.1.0\n"
    assert last_boot(text) == text


def test_a_menu_drawn_again_after_an_error_is_the_same_boot() -> None:
    text = (
        "GRUB loading.\nWelcome to GRUB!\nGNU GRUB  version 2.06\n  *Debian\n"
        "error: file `/boot/vmlinuz-6.0.0' not found.\nPress any key to continue...\n"
        "\x1b[2J\x1b[1;1HGNU GRUB  version 2.06\n  *Debian\n"
    )
    cause = read(text.encode()).cause
    assert cause is not None
    assert cause.pattern.id == "grub-file-not-found"
    again = "Linux version 6.1.0\nweb1 login: \nGNU GRUB  version 2.06\n  *Debian\n"
    assert last_boot(text + again).startswith("GNU GRUB")


@given(st.binary(max_size=4000))
def test_any_output_is_answered(raw: bytes) -> None:
    read(raw)
    assert "\x1b[" not in clean(raw)
