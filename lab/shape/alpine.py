"""Alpine on the BIOS with EXTLINUX, as setup-disk leaves a system disk: /boot, swap, root.

Its programs are stand-ins of a few hundred bytes that name musl's loader and the libraries that
the real ones name; the loader itself is Debian's musl. Sources: wiki.alpinelinux.org (Bootloaders,
Alpine setup scripts, OpenRC, Alpine Package Keeper), busybox's examples/inittab, the aports tree.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from lab.shape import common, disk, kernel
from lab.shape.disk import Part
from lab.shape.files import Files
from lab.shape.parts import Parts, run

RELEASE = "6.6.58-0-virt"
ROOT_UUID = "b0f4a9a6-6f0e-4c59-9d7b-2f8d5b1c7e31"
BOOT_UUID = "c1e5ba17-7a1f-4d6a-8e8c-309e6c2d8f42"
SWAP_UUID = "d2f6cb28-8b20-4e7b-9f9d-41af7d3e9053"
BOOT_MIB = 64
LOADER = "/lib/ld-musl-x86_64.so.1"
_LIBC = "libc.musl-x86_64.so.1"
_APPLETS = ("bin/sh", "bin/ash", "bin/mount", "bin/login", "sbin/getty", "sbin/init", "sbin/fsck")
_RUNLEVELS = {
    "sysinit": ("devfs", "dmesg", "mdev", "hwdrivers"),
    "boot": ("modules", "hostname", "bootmisc", "syslog", "networking", "swap"),
    "default": ("sshd", "crond"),
    "shutdown": ("killprocs", "savecache", "mount-ro"),
}
_INITTAB = """\
::sysinit:/sbin/openrc sysinit
::sysinit:/sbin/openrc boot
::wait:/sbin/openrc default
tty1::respawn:/sbin/getty 38400 tty1
tty2::respawn:/sbin/getty 38400 tty2
ttyS0::respawn:/sbin/getty -L 0 ttyS0 vt100
::ctrlaltdel:/sbin/reboot
::shutdown:/sbin/openrc shutdown
"""


def build(target: Path, parts: Parts) -> None:
    """The disk, a raw image."""
    root, boot = Files(target.parent / "root"), Files(target.parent / "boot")
    _root(root, parts)
    _boot(boot, parts)
    pieces = [
        Part(BOOT_MIB, "83", "ext4", BOOT_UUID, boot, active=True),
        Part(16, "82", "swap", SWAP_UUID),
        Part(128, "83", "ext4", ROOT_UUID, root),
    ]
    disk.make(target, "dos", pieces, parts)
    disk.install_extlinux(target, disk.FIRST_MIB, BOOT_MIB, parts)


def _root(files: Files, parts: Parts) -> None:
    files.folders("/bin", "/sbin", "/lib", "/usr/bin", "/usr/sbin", "/usr/lib")
    common.folders(files, root_mode=0o700)
    files.folders("/media/cdrom", "/media/usb", "/etc/network", "/usr/local/bin")
    _programs(files, parts)
    files.put("/etc/alpine-release", "3.20.3\n")
    release = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\n'
    files.put("/usr/lib/os-release", f'{release}PRETTY_NAME="Alpine Linux v3.20"\n')
    files.link("/etc/os-release", "../usr/lib/os-release")
    common.accounts(files, "/bin/ash", {"bin": 1, "sshd": 22}, (0o640, 42))
    common.host_keys(files)
    files.put(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile\t.ssh/authorized_keys\n"
        "AllowTcpForwarding no\nGatewayPorts no\nX11Forwarding no\n"
        "Subsystem\tsftp\tinternal-sftp\n",
    )
    files.put(
        "/etc/fstab",
        f"UUID={ROOT_UUID}\t/\text4\trw,relatime 0 1\n"
        f"UUID={BOOT_UUID}\t/boot\text4\trw,relatime 0 2\n"
        f"UUID={SWAP_UUID}\tswap\tswap\tdefaults\t0 0\n"
        "/dev/cdrom\t/media/cdrom\tiso9660\tnoauto,ro 0 0\n"
        "/dev/usbdisk\t/media/usb\tvfat\tnoauto\t0 0\n"
        "tmpfs\t/tmp\ttmpfs\tnosuid,nodev\t0\t0\n",
    )
    files.put("/etc/inittab", _INITTAB)
    for level, services in _RUNLEVELS.items():
        for service in services:
            files.put(f"/etc/init.d/{service}", "#!/sbin/openrc-run\n", 0o755)
            files.link(f"/etc/runlevels/{level}/{service}", f"/etc/init.d/{service}")
    kernel.install_modules(files, parts, RELEASE, "/lib/modules", ".gz")
    files.put("/usr/share/kernel/virt/kernel.release", f"{RELEASE}\n")
    for name in ("mbr.bin", "gptmbr.bin"):
        files.copy(parts.debs / f"usr/lib/syslinux/mbr/{name}", f"/usr/share/syslinux/{name}")
    files.put(
        "/etc/update-extlinux.conf",
        'overwrite=1\ndefault_kernel_opts="quiet rootfstype=ext4"\n'
        f"modules=sd-mod,usb-storage,ext4\nroot=UUID={ROOT_UUID}\ndefault=virt\ntimeout=1\n",
    )
    files.put(
        "/lib/apk/db/installed", "P:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl-x86_64.so.1\n\n"
    )
    files.put("/lib/apk/db/triggers", "")
    files.put("/etc/apk/world", "alpine-base\nlinux-virt\nopenssh\n")


def _programs(files: Files, parts: Parts) -> None:
    loader = parts.debs / "lib/ld-musl-x86_64.so.1"
    files.copy(loader, LOADER, 0o755)
    work = files.folder.parent / "stand-ins"
    work.mkdir()
    _library(work / _LIBC, ())
    for name in ("libcrypto.so.3", "libz.so.1", "librc.so.1", "libeinfo.so.1"):
        _library(work / name, (_LIBC,))
        files.copy(work / name, f"/lib/{name}", 0o755)
    files.link(f"/lib/{_LIBC}", "ld-musl-x86_64.so.1")
    _program(files, work, "/bin/busybox", (_LIBC,))
    for name in _APPLETS:
        files.link(f"/{name}", "/bin/busybox")
    _program(files, work, "/bin/bbsuid", (_LIBC,))
    files.here("/bin/bbsuid").chmod(0o4111)
    files.link("/bin/su", "/bin/bbsuid")
    for path in ("/sbin/openrc", "/sbin/openrc-run"):
        _program(files, work, path, ("librc.so.1", "libeinfo.so.1", _LIBC))
    _program(files, work, "/usr/sbin/sshd", ("libcrypto.so.3", "libz.so.1", _LIBC))


def _program(files: Files, work: Path, path: str, needed: Sequence[str]) -> None:
    out = work / "program"
    _compile(out, needed, "-pie", f"-Wl,--dynamic-linker={LOADER}")
    files.copy(out, path, 0o755)


def _library(path: Path, needed: Sequence[str]) -> None:
    _compile(path, needed, "-shared", f"-Wl,-soname,{path.name}")


def _compile(out: Path, needed: Sequence[str], *options: str) -> None:
    source = out.parent / "source.c"
    source.write_text("void _start(void) { for (;;); }\n")
    libraries = [str(out.parent / name) for name in needed]
    plain = ["gcc", "-fPIC", "-nostdlib", "-Wl,--no-as-needed"]
    run([*plain, *options, "-o", str(out), str(source), *libraries])


def _boot(files: Files, parts: Parts) -> None:
    files.put("/vmlinuz-virt", kernel.image(parts, RELEASE))
    more: dict[str, str | bytes] = {
        "init": "#!/bin/sh\n",
        "etc/modprobe.d/aliases.conf": "",
        "bin/busybox": bytes(64),
    }
    main = kernel.initramfs(parts, RELEASE, "lib/modules", more, ".gz")
    files.put("/initramfs-virt", gzip.compress(main, 1, mtime=0))
    files.put(f"/config-{RELEASE}", kernel.config(parts))
    files.link("/boot", ".")
    for name in ("menu.c32", "libutil.c32", "libcom32.c32"):
        files.copy(parts.debs / f"usr/lib/syslinux/modules/bios/{name}", f"/{name}")
    files.put(
        "/extlinux.conf",
        "# Generated by update-extlinux\nDEFAULT menu.c32\nPROMPT 0\n"
        "MENU TITLE Alpine/Linux Boot Menu\nMENU HIDDEN\nTIMEOUT 10\nLABEL virt\n"
        "  MENU DEFAULT\n  MENU LABEL Linux virt\n  LINUX vmlinuz-virt\n  INITRD initramfs-virt\n"
        f"  APPEND root=UUID={ROOT_UUID} modules=sd-mod,usb-storage,ext4 quiet rootfstype=ext4\n"
        "\nMENU SEPARATOR\n",
    )
