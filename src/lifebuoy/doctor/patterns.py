"""What machines say when a boot fails: a pattern a cause, with the link of the chain and the cure.

Patterns meet text that was cleaned (``bootlog``), but lines may still be woven of several writers:
so a pattern is a short distinctive piece, and any run of white space in it stands for any other. A
general pattern (a panic) counts only where no telling one came before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_ENTER: Final = "Enter rescue mode and have the disks looked at: `lifebuoy doctor`."
_FSCK: Final = "Make a backup point, enter rescue mode, and check the file system: e2fsck -f."


@dataclass(frozen=True, slots=True)
class Pattern:
    """``link`` is one of the doctor's; ``general`` ones are symptoms of more than one cause."""

    id: str
    link: str
    text: str
    means: str
    then: str = _ENTER
    general: bool = False

    def regex(self) -> re.Pattern[str]:
        """The compiled pattern; white space in it is any white space, or none at a break."""
        return _compiled(self.text)


@cache
def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r" +", r"\\s+", text), re.IGNORECASE)


PATTERNS: Final = (
    # firmware
    Pattern(
        "nothing-to-boot",
        "firmware",
        r"No bootable device|Boot failed: not a bootable disk|No bootable option or device",
        "The firmware found nothing to start.",
    ),
    Pattern(
        "boot-entry-not-found",
        "firmware",
        r"BdsDxe: failed to load Boot\d+.*?: Not Found",
        "The firmware's boot entry leads to a loader that is not on the disk.",
    ),
    Pattern(
        "sbat",
        "firmware",
        r"Verifying shim SBAT data failed|SBAT self-check failed",
        "The shim is older than the firmware's revocation list allows.",
        "Put a current shim on the EFI system partition, or update the firmware variables.",
    ),
    Pattern(
        "bad-signature",
        "boot-loader",
        r"bad shim signature|Secure Boot forbids loading|Security Violation|Access Denied.*BdsDxe",
        "Secure Boot is on, and what is to be started is not signed by a trusted key.",
        "Put the distribution's signed kernel and loader back, or enrol the key.",
    ),
    Pattern(
        "network-boot",
        "firmware",
        r"Start PXE over IPv|iPXE initialising devices|PXE-E\d\d",
        "The firmware went on to the network, as it found nothing to start on the disks.",
        general=True,
    ),
    Pattern(
        "uefi-shell",
        "firmware",
        r"UEFI Interactive Shell|\bShell> ",
        "The firmware found nothing to start on the disks and went on to its own shell.",
        general=True,
    ),
    Pattern(
        "uefi-menu",
        "firmware",
        r"Boot Maintenance Manager",
        "The firmware found nothing to start on the disks and went on to its menu.",
        general=True,
    ),
    # boot loader
    Pattern(
        "grub-symbol",
        "boot-loader",
        r"symbol .{1,3}?grub_\w+.{0,3}? not found",
        "GRUB's modules in /boot are newer than its core image.",
        "Install GRUB anew on the disk that the firmware starts; `lifebuoy repair` does.",
    ),
    Pattern(
        "grub-unknown-file-system",
        "boot-loader",
        r"error: unknown filesystem",
        "GRUB cannot read the file system of /boot, or looks at the wrong place.",
    ),
    Pattern(
        "grub-no-such-partition",
        "boot-loader",
        r"error: (no such (partition|device)|disk .{1,40} not found)",
        "GRUB looks for a disk, partition or UUID that is not there.",
    ),
    Pattern(
        "grub-file-not-found",
        "boot-loader",
        r"error: (file `?.{1,200}?' not found|.{0,80}?normal\.mod.{0,20}? not found)",
        "A file that GRUB is to load is not there.",
    ),
    Pattern(
        "grub-read-error",
        "boot-loader",
        r"GRUB (loading\W*)?(Geom|Hard Disk|Read) Error|from Hard Disk\.\.\.\s*GRUB Error",
        "GRUB's boot sector cannot read its core image.",
    ),
    Pattern(
        "grub-need-kernel",
        "boot-loader",
        r"you need to load the kernel first",
        "The kernel could not be loaded: missing, damaged or not signed.",
    ),
    Pattern(
        "grub-prompt",
        "boot-loader",
        r"grub( rescue)?>",
        "GRUB stopped at its prompt: its files or its configuration are missing.",
        general=True,
    ),
    # kernel and initramfs
    Pattern(
        "kernel-unpacking",
        "kernel",
        r"(crc|length) error\s*-- System halted|invalid compressed format.{0,40}System halted",
        "The kernel image is damaged.",
    ),
    Pattern(
        "initramfs-out-of-memory",
        "initramfs",
        r"Initramfs unpacking failed: write error",
        "There is too little memory to unpack the initramfs.",
        "Give the machine more memory.",
    ),
    Pattern(
        "no-root-device",
        "initramfs",
        r"VFS: (Cannot open root device|Unable to mount root fs)",
        "The kernel has no initramfs that serves, or root= names what is not there.",
    ),
    Pattern(
        "root-not-found",
        "initramfs",
        r"ALERT! .{1,120}? does not exist|Gave up waiting for root (file system )?device",
        "The initramfs waited for the root, which did not appear: a wrong root=, or no driver.",
    ),
    Pattern(
        "dracut-timeout",
        "initramfs",
        r"dracut-initqueue.{0,40}timeout|dracut: FATAL: .{0,80}|Warning: /dev/\S+ does not exist",
        "The initramfs waited for the root, which did not appear: a wrong root=, or no driver.",
    ),
    Pattern(
        "initramfs-shell",
        "initramfs",
        r"\(initramfs\)|dracut:/#|Entering emergency mode\. Exit the shell to continue",
        "The initramfs stopped in its shell.",
        general=True,
    ),
    # root file system
    Pattern(
        "fsck-manually",
        "root-file-system",
        r"UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY|fsck exited with status code 4",
        "The check of a file system needs answers.",
        _FSCK,
    ),
    Pattern(
        "ext4-error",
        "root-file-system",
        r"EXT[234]-fs error|EXT[234]-fs .{0,40}(superblock checksum|unable to read superblock)",
        "An ext file system is damaged.",
        _FSCK,
    ),
    Pattern(
        "xfs-corruption",
        "root-file-system",
        r"XFS .{0,60}(Metadata corruption|in-memory corruption|Corruption detected)"
        r"|Structure needs cleaning",
        "An XFS file system is damaged.",
        "Make a backup point, enter rescue mode, mount it once to replay its log, then xfs_repair.",
    ),
    Pattern(
        "disk-error",
        "root-file-system",
        r"I/O error, dev \w+, sector|Buffer I/O error on dev",
        "A disk does not answer as it should.",
        "Look at the storage on the host before anything is repaired.",
    ),
    Pattern(
        "disk-timed-out",
        "root-file-system",
        r"Timed out waiting for device|Dependency failed for (/|Local File Systems)",
        "A disk that /etc/fstab names is not there.",
    ),
    Pattern(
        "unknown-file-system-type",
        "kernel",
        r"unknown filesystem type '\w+'",
        "A driver is missing: the modules of the running kernel are gone or of another version.",
    ),
    # base system
    Pattern(
        "library",
        "base-system",
        r"error while loading shared libraries|cannot open shared object file"
        r"|file too short|version `?\w+_[\d.]+' not found",
        "A library is missing or damaged.",
    ),
    Pattern(
        "init-cannot-run",
        "base-system",
        r"exitcode=0x00007f00|Failed to execute /\S*init \(error|run-init: .{0,60}Exec format",
        "init is there, but its loader or one of its libraries is not.",
    ),
    Pattern(
        "out-of-memory",
        "base-system",
        r"Out of memory: Killed process|System is deadlocked on memory",
        "There was too little memory.",
        "Give the machine more memory.",
        general=True,
    ),
    # init
    Pattern(
        "no-init",
        "init",
        r"No working init found|run-init: \S+: No such file|Target filesystem doesn.t have"
        r" (the )?requested",
        "The root has no program to start with, or not the loader that this one names.",
    ),
    Pattern(
        "selinux",
        "init",
        r"Failed to load SELinux policy|Initial SELinux policy load failed",
        "SELinux is enforcing, and its policy is missing.",
        "Start once with enforcing=0, put the policy's package back, and relabel.",
    ),
    Pattern(
        "default-target",
        "init",
        r"Failed to (load|isolate|start) default target",
        "systemd's default target is missing or masked.",
    ),
    Pattern(
        "root-locked",
        "login",
        r"Cannot open access to console, the root account is locked",
        "The boot stopped in emergency mode, and root has no password to enter it with.",
        general=True,
    ),
    Pattern(
        "emergency-mode",
        "root-file-system",
        r"You are in emergency mode|Give root password for maintenance|Welcome to emergency mode",
        "The boot stopped in emergency mode, mostly for a file system that cannot be mounted.",
        general=True,
    ),
    Pattern(
        "panic",
        "kernel",
        r"Kernel panic - not syncing|end Kernel panic",
        "The kernel stopped.",
        general=True,
    ),
)
