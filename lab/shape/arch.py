"""Arch Linux, with systemd-boot on an EFI system partition at /boot, and with GRUB on the BIOS.

Sources: wiki.archlinux.org (Arch boot process, systemd-boot, Mkinitcpio, Kernel), the filesystem
package (links), pambase, alpm's local database.
"""

from __future__ import annotations

from pathlib import Path

from lab.shape import common, disk, kernel
from lab.shape.disk import Part
from lab.shape.files import Files
from lab.shape.parts import Parts, run

RELEASE = "6.11.5-arch1-1"
ROOT_UUID = "3e6be9de-8139-11d1-9106-a43f08d823a6"
ESP_UUID = "0B7C-12DA"
_LOADER = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"


def build(target: Path, parts: Parts, *, grub: bool) -> None:
    """The disk, a raw image."""
    root, esp = Files(target.parent / "root"), Files(target.parent / "esp")
    _root(root, parts)
    boot = Files(root.folder / "boot") if grub else esp
    _kernel(boot, root, parts)
    if grub:
        _grub(root)
        root.put("/etc/fstab", f"UUID={ROOT_UUID} / ext4 rw,relatime 0 1\n")
        disk.make(target, "dos", [Part(320, "83", "ext4", ROOT_UUID, root, active=True)], parts)
        disk.write_grub(target, root, "/boot/grub")
        return
    _systemd_boot(esp, root, parts)
    root.put(
        "/etc/fstab",
        f"UUID={ROOT_UUID} / ext4 rw,relatime 0 1\n"
        f"UUID={ESP_UUID} /boot vfat rw,relatime,fmask=0077,dmask=0077,utf8 0 2\n",
    )
    pieces = [Part(96, "U", "vfat", ESP_UUID, esp), Part(320, "L", "ext4", ROOT_UUID, root)]
    disk.make(target, "gpt", pieces, parts)


def _root(files: Files, parts: Parts) -> None:
    files.folders("/usr", "/usr/bin", "/usr/lib")
    links = {"bin": "usr/bin", "sbin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib"}
    for name, target in {**links, "usr/sbin": "bin", "usr/lib64": "lib"}.items():
        files.link(f"/{name}", target)
    common.folders(files, root_mode=0o750)
    common.with_systemd(files, parts, "/usr/lib", "usr/bin")
    release = 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
    files.put("/usr/lib/os-release", release)
    files.link("/etc/os-release", "../usr/lib/os-release")
    files.put("/etc/arch-release", "")
    common.accounts(files, "/usr/bin/bash", {"bin": 1, "sshd": 976}, (0o600, 0))
    common.host_keys(files)
    files.put(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile\t.ssh/authorized_keys\n"
        "KbdInteractiveAuthentication no\nUsePAM yes\nPrintMotd no\n"
        "Subsystem\tsftp\t/usr/lib/ssh/sftp-server\n",
    )
    service = "[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n"
    files.put("/usr/lib/systemd/system/sshdgenkeys.service", service)
    _pam(files)
    kernel.install_modules(files, parts, RELEASE, "/usr/lib/modules", ".zst")
    files.put(f"/usr/lib/modules/{RELEASE}/vmlinuz", kernel.image(parts, RELEASE))
    files.put(f"/usr/lib/modules/{RELEASE}/pkgbase", "linux\n")
    files.put("/etc/mkinitcpio.d/linux.preset", 'ALL_kver="/boot/vmlinuz-linux"\n')
    files.put("/usr/bin/mkinitcpio", common.remaker("/usr/lib/initramfs.img", '"$4"'), 0o755)
    run([str(parts.root / "usr/sbin/ldconfig"), "-X", "-r", str(files.folder)])
    local = "/var/lib/pacman/local"
    files.put(f"{local}/ALPM_DB_VERSION", "9\n")
    package = f"linux-{RELEASE.replace('-arch', '.arch')}"
    files.put(f"{local}/{package}/desc", f"%NAME%\nlinux\n\n%VERSION%\n{package[6:]}\n\n")
    files.put(f"{local}/{package}/files", f"%FILES%\nusr/lib/modules/{RELEASE}/vmlinuz\n\n")


def _pam(files: Files) -> None:
    texts = {
        "system-auth": "auth required pam_faillock.so preauth\n"
        "auth [success=1 default=bad] pam_unix.so try_first_pass nullok\n"
        "auth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n"
        "auth required pam_env.so\naccount required pam_unix.so\naccount optional pam_permit.so\n"
        "password required pam_unix.so try_first_pass nullok shadow\n"
        "session required pam_limits.so\nsession required pam_unix.so\n",
        "system-login": "auth required pam_shells.so\nauth requisite pam_nologin.so\n"
        "auth include system-auth\naccount required pam_access.so\n"
        "account required pam_nologin.so\n"
        "account include system-auth\npassword include system-auth\n"
        "session optional pam_loginuid.so\nsession include system-auth\n"
        "-session optional pam_systemd.so\nsession required pam_env.so\n",
    }
    texts |= {
        name: "".join(f"{kind} include {base}\n" for kind in ("auth", "account", "session"))
        for name, base in (
            ("login", "system-local-login"),
            ("system-local-login", "system-login"),
            ("system-remote-login", "system-login"),
            ("sshd", "system-remote-login"),
        )
    }
    for name, text in texts.items():
        files.put(f"/etc/pam.d/{name}", text)
    files.put("/etc/pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n")


def _kernel(boot: Files, root: Files, parts: Parts) -> None:
    boot.put("/vmlinuz-linux", kernel.image(parts, RELEASE))
    more = {"init": "#!/usr/bin/ash\n", "hooks/udev": "#!/usr/bin/ash\n", "config": "HOOKS=\n"}
    main = kernel.initramfs(parts, RELEASE, "usr/lib/modules", more, ".zst")
    data = kernel.microcode() + kernel.zstd(main)
    boot.put("/initramfs-linux.img", data)
    boot.put("/initramfs-linux-fallback.img", data)
    root.put("/usr/lib/initramfs.img", data)


def _systemd_boot(esp: Files, root: Files, parts: Parts) -> None:
    loader = parts.debs / _LOADER
    root.copy(loader, f"/{_LOADER}")
    esp.copy(loader, "/EFI/systemd/systemd-bootx64.efi")
    esp.copy(loader, "/EFI/BOOT/BOOTX64.EFI")
    esp.put("/loader/loader.conf", "default arch.conf\ntimeout 3\nconsole-mode max\neditor no\n")
    for name, end in (("arch", ""), ("arch-fallback", "-fallback")):
        esp.put(
            f"/loader/entries/{name}.conf",
            f"title   Arch Linux{end}\nlinux   /vmlinuz-linux\n"
            f"initrd  /initramfs-linux{end}.img\noptions root=UUID={ROOT_UUID} rw\n",
        )


def _grub(root: Files) -> None:
    disk.install_grub(root, "/boot/grub", "(,msdos1)/boot/grub", ("part_msdos", "ext2"))
    for path in sorted(root.here("/boot/grub/i386-pc").iterdir()):
        if path.name != "core.img":
            root.copy(path, f"/usr/lib/grub/i386-pc/{path.name}")
    root.put("/etc/default/grub", 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR="Arch"\n')
    root.put(
        "/boot/grub/grub.cfg",
        'set default="0"\nset timeout=5\n'
        "menuentry 'Arch Linux' --class arch --class gnu-linux $menuentry_id_option 'simple' {\n"
        "\tinsmod part_msdos\n\tinsmod ext2\n"
        f"\tsearch --no-floppy --fs-uuid --set=root {ROOT_UUID}\n"
        f"\tlinux /boot/vmlinuz-linux root=UUID={ROOT_UUID} rw loglevel=3 quiet\n"
        "\tinitrd /boot/initramfs-linux.img\n}\n",
        0o600,
    )
