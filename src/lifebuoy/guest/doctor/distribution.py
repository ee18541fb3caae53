"""What a distribution calls things and what its administrators type: the one place that knows.

Checks ask here rather than which distribution it is. The commands are for somebody at the prompt of
the rescue system, with the root mounted at /mnt/vm1. From the manuals of apt, dnf, zypper, apk and
pacman, of dracut, mkinitfs and mkinitcpio, and os-release(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .tree import Tree


class Family(str, Enum):  # noqa: UP042 - StrEnum is younger than Python 3.9
    """Distributions with one package manager and one layout."""

    DEBIAN = "debian"
    RPM = "rpm"
    ALPINE = "alpine"
    ARCH = "arch"
    OTHER = "other"


@dataclass(frozen=True)
class Commands:
    """Lines to type. Filled in: ``path``, ``version`` and ``name`` of a kernel, ``file``."""

    put_back: tuple[str, ...]
    kernel: str
    initramfs: str
    grub_config: str
    grub_bios: str
    loader_efi: str
    init: str
    pam: str


@dataclass(frozen=True)
class Distribution:
    """One system's: ``loader_folder`` is below EFI/, ``shadow_mode`` what shadow has at most."""

    family: Family
    loader_folder: str
    shadow_mode: int
    initramfs_pattern: str
    commands: Commands

    @property
    def has_dpkg(self) -> bool:
        """Whether its package database is one that the doctor reads."""
        return self.family is Family.DEBIAN

    @property
    def grub_folder(self) -> str:
        """Where GRUB's files are, where none is there to tell."""
        return "/boot/grub2" if self.family is Family.RPM else "/boot/grub"

    @property
    def packaged_grub(self) -> bool:
        """Whether GRUB for UEFI comes whole from a package: signed, modules and blscfg in it."""
        return self.family is Family.RPM

    @property
    def keys_by_group(self) -> bool:
        """Whether SSH host keys may be readable by a group of their own, ssh_keys."""
        return self.family is Family.RPM

    @property
    def common_pam(self) -> bool:
        """Whether PAM's services share the files of pam-auth-update."""
        return self.family is Family.DEBIAN

    def initramfs_name(self, version: str) -> str:
        """What the initramfs of ``vmlinuz-VERSION`` is called in /boot."""
        return self.initramfs_pattern.replace("{version}", version)

    def put_back(self, path: str) -> tuple[str, ...]:
        """How a file comes back from the package that owns it."""
        return tuple(line.replace("{path}", path) for line in self.commands.put_back)

    def kernel(self, name: str, version: str) -> tuple[str, ...]:
        """How the kernel ``vmlinuz-NAME`` and its modules come back."""
        return (_filled(self.commands.kernel, name, version),)

    def initramfs(self, file: str, name: str, version: str) -> tuple[str, ...]:
        """How the initramfs of that kernel, the file of /boot, is made anew."""
        return (_filled(self.commands.initramfs, name, version).replace("{file}", file),)


def _filled(line: str, name: str, version: str) -> str:
    return line.replace("{name}", name).replace("{version}", version)


_CHROOT = "chroot the root, then: "
#: of the rpm family, with another package manager
_SUSE = "suse"
_COMMANDS: dict[str, Commands] = {
    Family.DEBIAN: Commands(
        put_back=("put the file back from the package that owns it, of the same version",),
        kernel=f"{_CHROOT}apt-get install --reinstall linux-image-{{version}}",
        initramfs=f"{_CHROOT}update-initramfs -c -k {{version}}",
        grub_config=f"{_CHROOT}update-grub",
        grub_bios="grub-install --boot-directory=/mnt/vm1/boot /dev/vda",
        loader_efi=f"{_CHROOT}grub-install --target=x86_64-efi --force-extra-removable",
        init="put back the packages systemd and systemd-sysv",
        pam=f"{_CHROOT}pam-auth-update --force; reinstall login and openssh-server",
    ),
    Family.RPM: Commands(
        put_back=(
            f"{_CHROOT}dnf reinstall $(rpm -qf {{path}})",
            "where that cannot start: rpm2cpio PACKAGE.rpm | cpio -idmu -D /mnt/vm1",
        ),
        kernel=f"{_CHROOT}dnf reinstall kernel-core-{{version}} kernel-modules-{{version}}",
        initramfs=f"{_CHROOT}dracut --force {{file}} {{version}}",
        grub_config=f"{_CHROOT}grub2-mkconfig -o /boot/grub2/grub.cfg",
        grub_bios=f"{_CHROOT}grub2-install /dev/vda",
        loader_efi=f"{_CHROOT}dnf reinstall shim-x64 grub2-efi-x64 grub2-common",
        init=f"{_CHROOT}dnf reinstall systemd",
        pam=f"{_CHROOT}authselect apply-changes, or dnf reinstall pam util-linux openssh-server",
    ),
    _SUSE: Commands(
        put_back=(
            f"{_CHROOT}zypper install --force $(rpm -qf {{path}})",
            "where that cannot start: rpm2cpio PACKAGE.rpm | cpio -idmu -D /mnt/vm1",
        ),
        kernel=f"{_CHROOT}zypper install --force kernel-default",
        initramfs=f"{_CHROOT}dracut --force {{file}} {{version}}",
        grub_config=f"{_CHROOT}grub2-mkconfig -o /boot/grub2/grub.cfg",
        grub_bios=f"{_CHROOT}grub2-install /dev/vda",
        loader_efi=f"{_CHROOT}shim-install",
        init=f"{_CHROOT}zypper install --force systemd systemd-sysvinit",
        pam=f"{_CHROOT}pam-config --create; zypper install --force pam pam-config",
    ),
    Family.ALPINE: Commands(
        put_back=(
            f"{_CHROOT}apk fix --reinstall PACKAGE   (apk info --who-owns {{path}} names it)",
            "where that cannot start: tar -xzf PACKAGE.apk -C /mnt/vm1",
        ),
        kernel=f"{_CHROOT}apk fix --reinstall linux-{{name}}",
        initramfs=f"{_CHROOT}mkinitfs -o {{file}} {{version}}",
        grub_config=f"{_CHROOT}grub-mkconfig -o /boot/grub/grub.cfg",
        grub_bios=f"{_CHROOT}grub-install /dev/vda",
        loader_efi=f"{_CHROOT}grub-install --target=x86_64-efi --efi-directory=/boot/efi",
        init=f"{_CHROOT}apk fix --reinstall busybox busybox-openrc openrc",
        pam=f"{_CHROOT}apk fix --reinstall linux-pam",
    ),
    Family.ARCH: Commands(
        put_back=(
            f"{_CHROOT}pacman -S $(pacman -Qqo {{path}})",
            "where that cannot start: tar -xf PACKAGE.pkg.tar.zst -C /mnt/vm1",
        ),
        kernel=f"{_CHROOT}pacman -S {{name}}",
        initramfs=f"{_CHROOT}mkinitcpio -k {{version}} -g {{file}}",
        grub_config=f"{_CHROOT}grub-mkconfig -o /boot/grub/grub.cfg",
        grub_bios=f"{_CHROOT}grub-install --target=i386-pc /dev/vda",
        loader_efi=f"{_CHROOT}bootctl install, or grub-install --target=x86_64-efi",
        init=f"{_CHROOT}pacman -S systemd systemd-sysvcompat",
        pam=f"{_CHROOT}pacman -S pambase pam util-linux openssh",
    ),
    Family.OTHER: Commands(
        put_back=("put the file back from the package that owns it, of the same version",),
        kernel=f"{_CHROOT}reinstall the package of the kernel {{version}}",
        initramfs=f"{_CHROOT}make {{file}} anew for the kernel {{version}}",
        grub_config=f"{_CHROOT}grub-mkconfig -o /boot/grub/grub.cfg   (or grub2-mkconfig)",
        grub_bios=f"{_CHROOT}grub-install /dev/vda   (or grub2-install)",
        loader_efi=f"{_CHROOT}grub-install --target=x86_64-efi",
        init="put back the package of the init system",
        pam="reinstall the packages of PAM, login and the SSH server",
    ),
}
_FAMILIES = {
    **dict.fromkeys(("debian", "ubuntu"), Family.DEBIAN),
    **dict.fromkeys(("fedora", "rhel", "centos", "suse", "opensuse", "sles"), Family.RPM),
    "alpine": Family.ALPINE,
    "arch": Family.ARCH,
}
#: where os-release says nothing
_MARKS = (
    ("/etc/debian_version", Family.DEBIAN),
    ("/etc/redhat-release", Family.RPM),
    ("/etc/alpine-release", Family.ALPINE),
    ("/etc/arch-release", Family.ARCH),
    ("/var/lib/dpkg", Family.DEBIAN),
    ("/usr/lib/sysimage/rpm", Family.RPM),
    ("/var/lib/rpm", Family.RPM),
    ("/lib/apk", Family.ALPINE),
    ("/usr/lib/apk", Family.ALPINE),
    ("/var/lib/pacman", Family.ARCH),
)
_INITRAMFS = {
    Family.RPM: "initramfs-{version}.img",
    Family.ARCH: "initramfs-{version}.img",
    Family.ALPINE: "initramfs-{version}",
}
_SHADOW_MODES = {Family.RPM: 0, Family.ARCH: 0o600}
#: where the folder on the EFI system partition is not called as the system
_LOADER_FOLDERS = {"rhel": "redhat", "ol": "redhat", "opensuse-leap": "opensuse"}


def of(tree: Tree) -> Distribution:
    """What is installed here; Family.OTHER where that is not known."""
    release = _release(tree)
    name = release.get("ID", "")
    names = [name, *release.get("ID_LIKE", "").split()]
    known = next((_FAMILIES[one] for one in names if one in _FAMILIES), None)
    marked = next((family for path, family in _MARKS if tree.exists(path)), Family.OTHER)
    family = known or marked
    folder = _LOADER_FOLDERS.get(name, name) or ("debian" if family is Family.DEBIAN else "")
    shadow_mode = _SHADOW_MODES.get(family, 0o640)
    suse = bool({_SUSE, "opensuse", "sles"} & set(names))
    pattern = "initrd-{version}" if suse else _INITRAMFS.get(family, "initrd.img-{version}")
    words = _COMMANDS[_SUSE if suse else family]
    return Distribution(family, folder, shadow_mode, pattern, words)


def _release(tree: Tree) -> dict[str, str]:
    text = tree.text("/etc/os-release", 8192) or tree.text("/usr/lib/os-release", 8192) or ""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value.strip().strip("\"'")
    return found
