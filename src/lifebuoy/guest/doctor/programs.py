"""The programs that a boot to a login runs, as far as this system has them."""

from __future__ import annotations

from .tree import Tree

#: every system has these; where one is missing, the package database or a check of its own tells
_BOOT_PATH = (
    "/sbin/init",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd-journald",
    "/lib/systemd/systemd-udevd",
    "/lib/systemd/systemd-logind",
    "/lib/systemd/systemd-executor",
    "/lib/systemd/systemd-networkd",
    "/lib/systemd/systemd-user-sessions",
    "/lib/systemd/systemd-fsck",
    "/bin/sh",
    "/bin/bash",
    "/bin/mount",
    "/bin/login",
    "/sbin/agetty",
    "/sbin/getty",
    "/sbin/sulogin",
    "/sbin/fsck",
    "/sbin/modprobe",
    "/bin/systemctl",
    "/bin/udevadm",
    "/bin/dbus-daemon",
    "/usr/bin/dbus-broker",
    "/bin/busybox",
    "/usr/sbin/sshd",
    "/usr/sbin/NetworkManager",
    "/sbin/dhclient",
    "/sbin/ifup",
)
_PAM = (
    "/lib/x86_64-linux-gnu/security",
    "/lib/aarch64-linux-gnu/security",
    "/lib64/security",
    "/lib/security",
)


def boot_path(tree: Tree) -> list[str]:
    """Paths of the programs that are there."""
    found = [path for path in _BOOT_PATH if tree.is_file(path)]
    return found + [
        f"{folder}/pam_unix.so" for folder in _PAM if tree.is_file(f"{folder}/pam_unix.so")
    ]
