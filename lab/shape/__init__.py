"""Disks laid out as Fedora, AlmaLinux, Alpine and Arch lay theirs out: shapes, not those systems.

They do not boot and hold a handful of files, but what the doctor reads of such a system is there,
and is real where Debian has it: programs, libraries, kernel, GRUB, shim, EXTLINUX, systemd-boot,
musl, an rpm database. What only the distribution itself has is a stand-in: Alpine's programs, the
makers of initramfs images. For tests that no network can serve with the systems themselves.
"""
