"""Words of the self-check and the diagnosis: links, checks, what machines say. As messages.

What the doctor in the guest says of a finding stays as it says it; what it checks is a closed set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lifebuoy.doctor.evidence import Place
from lifebuoy.doctor.report import Health, Link, Origin, Risk, Severity
from lifebuoy.operations.diagnosis import ScreenFound
from lifebuoy.web.words import N_

LINKS: Final[dict[Link, str]] = {
    Link.FIRMWARE: N_("Firmware"),
    Link.PARTITION_TABLE: N_("Partition table"),
    Link.BOOT_LOADER: N_("Boot loader"),
    Link.KERNEL: N_("Kernel"),
    Link.INITRAMFS: N_("Initramfs"),
    Link.ROOT_FILE_SYSTEM: N_("Root file system"),
    Link.BASE_SYSTEM: N_("Base system"),
    Link.INIT: N_("Init"),
    Link.LOGIN: N_("Login"),
    Link.NETWORK: N_("Network and SSH"),
}

HEALTHS: Final[dict[Health, str]] = {
    Health.SOUND: N_("sound"),
    Health.BROKEN: N_("broken"),
    Health.DOUBTFUL: N_("doubtful"),
    Health.NOT_REACHED: N_("not reached"),
}

#: The same for a boot that was seen: what it got past need not be sound.
PASSED: Final[dict[Health, str]] = HEALTHS | {
    Health.SOUND: N_("passed"),
    Health.BROKEN: N_("it stops here"),
}

SEVERITIES: Final[dict[Severity, str]] = {
    Severity.STOPS_BOOT: N_("stops the boot"),
    Severity.WARNING: N_("warning"),
    Severity.NOTE: N_("note"),
}

RISKS: Final[dict[Risk, str]] = {
    Risk.NONE: N_("no risk"),
    Risk.LOW: N_("low risk"),
    Risk.HIGH: N_("high risk"),
}

ORIGINS: Final[dict[Origin, str]] = {
    Origin.CACHE: N_("from the instance’s own cache"),
    Origin.GIVEN: N_("from the packages that were brought"),
    Origin.REPOSITORY: N_("downloaded from the instance’s repositories"),
    Origin.UNLISTED: N_("asked for at the instance’s repositories, whose lists do not have it"),
    Origin.NOWHERE: N_("from nowhere: it must be brought"),
}

PLACES: Final[dict[Place, str]] = {
    Place.SERIAL: N_("serial port"),
    Place.SCREEN: N_("screen"),
}

SCREENS: Final[dict[ScreenFound, str]] = {
    ScreenFound.TEXT: N_("The screen was read as text."),
    ScreenFound.BLANK: N_("The screen is blank. Consoles go dark after minutes without a key."),
    ScreenFound.GRAPHICS: N_("The screen shows graphics, or text in a font that is not known."),
    ScreenFound.OFF: N_("It does not run, so its screen shows nothing."),
    ScreenFound.NONE: N_("It has no screen."),
    ScreenFound.OUT_OF_REACH: N_("Its screen is out of reach."),
}

#: What each check is about: what holds where all is well.
CHECKS: Final[dict[str, str]] = {
    "table-gpt": N_(
        "both copies of the GUID partition table are whole, and the protective MBR is there"
    ),
    "table-mbr": N_(
        "the master boot record is signed, and a partition is active where that is needed"
    ),
    "loader-boot-sector": N_(
        "the boot sector is GRUB's, its core image is whole and fits the modules in /boot"
    ),
    "loader-efi": N_(
        "the EFI system partition holds a loader, whole, that finds GRUB's configuration"
    ),
    "loader-entries": N_(
        "the loader's default entry names a kernel, an initramfs and a root that exist"
    ),
    "loader-grub-config": N_(
        "grub.cfg has entries, and the default one names a kernel, initramfs and disks that exist"
    ),
    "loader-grub-files": N_("GRUB finds its modules in /boot"),
    "loader-syslinux": N_(
        "EXTLINUX is whole, and its default label names a kernel, initramfs and root that exist"
    ),
    "kernel-image": N_("a kernel is in /boot, and whole"),
    "kernel-modules": N_("the newest kernel has its modules"),
    "initramfs-image": N_(
        "the newest kernel's initramfs is whole and has the drivers of the root's disk"
    ),
    "root-ext": N_("ext file systems have a whole superblock and no recorded errors"),
    "root-found": N_("a root file system was found and can be mounted"),
    "root-fstab": N_("every line of /etc/fstab that the boot waits for can be mounted"),
    "root-full": N_("the root file system has room, in bytes and inodes"),
    "base-dpkg-status": N_("the package database can be read"),
    "base-libraries": N_("the programs of the boot can be loaded, with all their libraries"),
    "base-loader-cache": N_("ld.so.cache is whole, and ld.so.preload names libraries that exist"),
    "base-merged-usr": N_("/bin, /sbin, /lib and /lib64 lead to the programs and libraries"),
    "base-modes": N_("owner and mode of /, /usr, /etc, /tmp, sudo, the password files are right"),
    "base-package-files": N_("the files of the packages that a boot needs are there, unaltered"),
    "init-program": N_("/sbin/init leads to a program that can be run"),
    "init-target": N_(
        "default.target leads to a target, and nothing that every boot needs is masked"
    ),
    "login-accounts": N_("passwd, shadow and group are there and know root"),
    "login-getty": N_("a login appears on the screen and on the serial line"),
    "login-nologin": N_("no nologin file was left behind"),
    "login-pam": N_("PAM's files for login and SSH are there, and the modules they name too"),
    "login-shell": N_("root's shell can be run"),
    "network-host-keys": N_("sshd has host keys, and only root can read them"),
    "network-sshd-config": N_("sshd's configuration has only lines that it takes"),
    "network-sshd-enabled": N_("sshd is started at boot"),
}

#: What the patterns mean that are seen in boot logs and on screens, and what is next.
MEANS: Final[dict[str, str]] = {
    "nothing-to-boot": N_("The firmware found nothing to start."),
    "boot-entry-not-found": N_(
        "The firmware's boot entry leads to a loader that is not on the disk."
    ),
    "sbat": N_("The shim is older than the firmware's revocation list allows."),
    "bad-signature": N_(
        "Secure Boot is on, and what is to be started is not signed by a trusted key."
    ),
    "network-boot": N_(
        "The firmware went on to the network, as it found nothing to start on the disks."
    ),
    "uefi-shell": N_(
        "The firmware found nothing to start on the disks and went on to its own shell."
    ),
    "uefi-menu": N_("The firmware found nothing to start on the disks and went on to its menu."),
    "grub-symbol": N_("GRUB's modules in /boot are newer than its core image."),
    "grub-unknown-file-system": N_(
        "GRUB cannot read the file system of /boot, or looks at the wrong place."
    ),
    "grub-no-such-partition": N_("GRUB looks for a disk, partition or UUID that is not there."),
    "grub-file-not-found": N_("A file that GRUB is to load is not there."),
    "grub-read-error": N_("GRUB's boot sector cannot read its core image."),
    "grub-need-kernel": N_("The kernel could not be loaded: missing, damaged or not signed."),
    "grub-prompt": N_("GRUB stopped at its prompt: its files or its configuration are missing."),
    "kernel-unpacking": N_("The kernel image is damaged."),
    "initramfs-out-of-memory": N_("There is too little memory to unpack the initramfs."),
    "no-root-device": N_(
        "The kernel has no initramfs that serves, or root= names what is not there."
    ),
    "root-not-found": N_(
        "The initramfs waited for the root, which did not appear: a wrong root=, or no driver."
    ),
    "dracut-timeout": N_(
        "The initramfs waited for the root, which did not appear: a wrong root=, or no driver."
    ),
    "initramfs-shell": N_("The initramfs stopped in its shell."),
    "fsck-manually": N_("The check of a file system needs answers."),
    "ext4-error": N_("An ext file system is damaged."),
    "xfs-corruption": N_("An XFS file system is damaged."),
    "disk-error": N_("A disk does not answer as it should."),
    "disk-timed-out": N_("A disk that /etc/fstab names is not there."),
    "unknown-file-system-type": N_(
        "A driver is missing: the modules of the running kernel are gone or of another version."
    ),
    "library": N_("A library is missing or damaged."),
    "init-cannot-run": N_("init is there, but its loader or one of its libraries is not."),
    "out-of-memory": N_("There was too little memory."),
    "no-init": N_("The root has no program to start with, or not the loader that this one names."),
    "selinux": N_("SELinux is enforcing, and its policy is missing."),
    "default-target": N_("systemd's default target is missing or masked."),
    "root-locked": N_(
        "The boot stopped in emergency mode, and root has no password to enter it with."
    ),
    "emergency-mode": N_(
        "The boot stopped in emergency mode, mostly for a file system that cannot be mounted."
    ),
    "panic": N_("The kernel stopped."),
}
NEXT: Final = (
    N_("Enter rescue mode and have the disks looked at: `lifebuoy doctor`."),
    N_("Put a current shim on the EFI system partition, or update the firmware variables."),
    N_("Put the distribution's signed kernel and loader back, or enrol the key."),
    N_("Install GRUB anew on the disk that the firmware starts; `lifebuoy repair` does."),
    N_("Give the machine more memory."),
    N_("Make a backup point, enter rescue mode, and check the file system: e2fsck -f."),
    N_("Make a backup point, enter rescue mode, mount it once to replay its log, then xfs_repair."),
    N_("Look at the storage on the host before anything is repaired."),
    N_("Start once with enforcing=0, put the policy's package back, and relabel."),
)

_MEND: Final = "mend "


def step(translate: Callable[[str], str], name: str) -> str:
    """What a step of an operation is called; that of a repair by what is checked there."""
    id_ = name.removeprefix(_MEND)
    if id_ == name or id_ not in CHECKS:
        return translate(name)
    return f"{translate(N_('Mend'))} {id_}: {translate(CHECKS[id_])}"
