"""What can break on the shapes, in shell commands, and which check of the doctor must see it.

The commands are run with ROOT set to the mounted root, DISK to the raw image, and the names of
``names``. Their like for the lab's own guests are in ``lab.breakage``.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.shape import alpine, arch, rpm
from lab.shapes import Shape

EVERY = frozenset(Shape)
SYSTEMD = EVERY - {Shape.ALPINE}
RPM = frozenset({Shape.FEDORA, Shape.EL8, Shape.EL8_UEFI})
BIOS = frozenset({Shape.EL8, Shape.ALPINE, Shape.ARCH_GRUB})
UEFI = EVERY - BIOS
GRUB = EVERY - {Shape.ALPINE, Shape.ARCH}
ENTRIES = EVERY - {Shape.ALPINE, Shape.ARCH_GRUB}
EXTLINUX = frozenset({Shape.ALPINE})
NOBODY: frozenset[Shape] = frozenset()
WRONG = "0badf57a-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break these shapes.

    ``boots_on`` are those that start all the same, ``by_hand_on`` those where the doctor only says
    what to type: a package is needed.
    """

    commands: str
    finding: str
    shapes: frozenset[Shape]
    boots_on: frozenset[Shape] = NOBODY
    by_hand_on: frozenset[Shape] = NOBODY


def names(shape: Shape) -> dict[str, str]:
    """What the shape calls the files that are broken."""
    if shape is Shape.ALPINE:
        release, kernel, image = alpine.RELEASE, "virt", "initramfs-virt"
    elif shape in (Shape.ARCH, Shape.ARCH_GRUB):
        release, kernel, image = arch.RELEASE, "linux", "initramfs-linux.img"
    else:
        release = (rpm.FEDORA if shape is Shape.FEDORA else rpm.EL8).release
        kernel, image = release, f"initramfs-{release}.img"
    in_rpm = shape in RPM
    of_alpine = shape is Shape.ALPINE
    other, package = ("apk", "a.apk") if of_alpine else ("pacman/pkg", "a.pkg.tar.zst")
    libraries = "/usr/lib64" if in_rpm else "/usr/lib"
    grub = "/boot/grub2" if in_rpm else "/boot/grub"
    config = "/boot/efi/EFI/almalinux" if shape is Shape.EL8_UEFI else grub
    return {
        "KERNEL": f"/boot/vmlinuz-{kernel}",
        "INITRAMFS": f"/boot/{image}",
        "MODULES": f"{'' if of_alpine else '/usr'}/lib/modules/{release}",
        "GRUB": grub,
        "CONFIG": f"{config}/grub.cfg",
        "ENVIRONMENT": f"{config}/grubenv",
        "LOADER": alpine.LOADER if shape is Shape.ALPINE else f"{libraries}/ld-linux-x86-64.so.2",
        "LIBRARY": f"{libraries}/libpam.so.0",
        "CACHE": "/var/cache/dnf" if in_rpm else f"/var/cache/{other}",
        "PACKAGE": "a.rpm" if in_rpm else package,
    }


FAULTS = {
    "mbr_signature_gone": Fault(
        r"printf '\0\0' | dd of=$DISK bs=1 seek=510 conv=notrunc", "table-mbr", BIOS
    ),
    "gpt_primary_damaged": Fault(
        "dd if=/dev/zero of=$DISK bs=512 seek=1 count=1 conv=notrunc", "table-gpt", UEFI, UEFI
    ),
    "boot_code_zeroed": Fault(
        "dd if=/dev/zero of=$DISK bs=440 count=1 conv=notrunc",
        "loader-boot-sector",
        BIOS - EXTLINUX,
    ),
    "boot_code_of_extlinux_zeroed": Fault(
        "dd if=/dev/zero of=$DISK bs=440 count=1 conv=notrunc", "loader-syslinux", EXTLINUX
    ),
    "grub_core_damaged": Fault(
        "dd if=/dev/zero of=$DISK bs=512 seek=5 count=30 conv=notrunc",
        "loader-boot-sector",
        BIOS - EXTLINUX,
    ),
    "grub_modules_gone": Fault('rm -r "$ROOT$GRUB/i386-pc"', "loader-grub-files", BIOS - EXTLINUX),
    "grub_cfg_gone": Fault('rm "$ROOT$CONFIG"', "loader-grub-config", GRUB - {Shape.EL8_UEFI}),
    "grub_cfg_of_esp_gone": Fault('rm "$ROOT$CONFIG"', "loader-efi", frozenset({Shape.EL8_UEFI})),
    "grub_cfg_empty": Fault(': >"$ROOT$CONFIG"', "loader-grub-config", GRUB - {Shape.EL8_UEFI}),
    "grub_cfg_wrong_uuid": Fault(
        f"sed -i -E 's/(--fs-uuid --set=[a-z]+) .*/\\1 {WRONG}/' \"$ROOT$CONFIG\"",
        "loader-grub-config",
        GRUB,
    ),
    "grub_cfg_missing_kernel": Fault(
        "sed -i 's#/vmlinuz-linux#/vmlinuz-old#' \"$ROOT$CONFIG\"",
        "loader-grub-config",
        frozenset({Shape.ARCH_GRUB}),
    ),
    "entries_gone": Fault('rm "$ROOT"/boot/loader/entries/*', "loader-entries", ENTRIES),
    "entry_root_wrong": Fault(
        f"sed -i 's/root=UUID=[^ ]*/root=UUID={WRONG}/' \"$ROOT\"/boot/loader/entries/*.conf\n"
        f'[ ! -e "$ROOT$ENVIRONMENT" ] ||'
        f' sed -i "s/root=UUID=[^ ]*/root=UUID={WRONG}/" "$ROOT$ENVIRONMENT"',
        "loader-entries",
        ENTRIES,
    ),
    "entry_kernel_stale": Fault(
        'for file in "$ROOT"/boot/loader/entries/*[!e].conf; do'
        " sed -i 's#/vmlinuz-.*#/vmlinuz-1.0#' \"$file\"; done",
        "loader-entries",
        ENTRIES,
    ),
    "extlinux_conf_gone": Fault('rm "$ROOT/boot/extlinux.conf"', "loader-syslinux", EXTLINUX),
    "extlinux_conf_empty": Fault(': >"$ROOT/boot/extlinux.conf"', "loader-syslinux", EXTLINUX),
    "extlinux_missing_kernel": Fault(
        "sed -i 's/vmlinuz-virt/vmlinuz-lts/' \"$ROOT/boot/extlinux.conf\"",
        "loader-syslinux",
        EXTLINUX,
    ),
    "extlinux_root_wrong": Fault(
        f"sed -i 's/root=UUID=[^ ]*/root=UUID={WRONG}/' \"$ROOT/boot/extlinux.conf\"",
        "loader-syslinux",
        EXTLINUX,
    ),
    "extlinux_stage_gone": Fault(
        'chattr -i "$ROOT/boot/ldlinux.sys"\nrm "$ROOT/boot/ldlinux.sys"',
        "loader-syslinux",
        EXTLINUX,
        by_hand_on=EXTLINUX,
    ),
    "esp_emptied": Fault(
        'rm -r "$ROOT"/boot/efi/EFI', "loader-efi", RPM & UEFI, by_hand_on=RPM & UEFI
    ),
    "esp_of_systemd_boot_emptied": Fault(
        'rm -r "$ROOT/boot/EFI"', "loader-efi", frozenset({Shape.ARCH})
    ),
    "esp_stub_gone": Fault(
        'rm "$ROOT/boot/efi/EFI/fedora/grub.cfg"', "loader-efi", frozenset({Shape.FEDORA})
    ),
    "kernel_gone": Fault('rm "$ROOT$KERNEL"', "kernel-image", EVERY, by_hand_on=EXTLINUX),
    "kernel_truncated": Fault(
        'truncate --size=3M "$ROOT$KERNEL"', "kernel-image", EVERY, by_hand_on=EXTLINUX
    ),
    "kernel_modules_gone": Fault(
        'rm -r "$ROOT$MODULES"',
        "kernel-modules",
        EVERY,
        boots_on=frozenset({Shape.ALPINE, Shape.EL8, Shape.ARCH_GRUB}),
        by_hand_on=EVERY,
    ),
    "module_index_gone": Fault(
        'rm "$ROOT$MODULES"/modules.dep*',
        "kernel-modules",
        EVERY,
        boots_on=frozenset({Shape.ALPINE, Shape.EL8, Shape.ARCH_GRUB}),
    ),
    "initramfs_gone": Fault('rm "$ROOT$INITRAMFS"', "initramfs-image", EVERY, by_hand_on=EXTLINUX),
    "initramfs_truncated": Fault(
        'truncate --size=600K "$ROOT$INITRAMFS"', "initramfs-image", EVERY, by_hand_on=EXTLINUX
    ),
    "fstab_bad_line": Fault(
        f'mkdir "$ROOT/data"\necho "UUID={WRONG} /data ext4 defaults 0 2" >>"$ROOT/etc/fstab"',
        "root-fstab",
        EVERY,
        boots_on=EXTLINUX,
    ),
    "fstab_wrong_boot": Fault(
        f"grep -q ' /boot ' \"$ROOT/etc/fstab\" || grep -q '\t/boot\t' \"$ROOT/etc/fstab\"\n"
        f"sed -i -E 's#^UUID=\\S+(\\s+/boot\\s)#UUID={WRONG}\\1#' \"$ROOT/etc/fstab\"",
        "root-fstab",
        EVERY - {Shape.ARCH_GRUB},
        boots_on=EXTLINUX,
    ),
    "fstab_malformed": Fault('echo "/data ext4" >>"$ROOT/etc/fstab"', "root-fstab", EVERY, EVERY),
    "root_full": Fault(
        'mkdir -p "$ROOT$CACHE"\nhead -c 60M /dev/zero >"$ROOT$CACHE/$PACKAGE"\n'
        'cat /dev/zero >"$ROOT/var/fill" || true',
        "root-full",
        EVERY,
        EVERY,
    ),
    "usr_merge_links_gone": Fault(
        'for name in bin sbin lib lib64; do rm "$ROOT/$name"; done', "base-merged-usr", SYSTEMD
    ),
    "loader_gone": Fault('rm "$ROOT$LOADER"', "base-libraries", EVERY, by_hand_on=EVERY),
    "library_gone": Fault('rm "$ROOT$LIBRARY"', "base-libraries", SYSTEMD, by_hand_on=SYSTEMD),
    "root_locked": Fault('chmod 700 "$ROOT"', "base-modes", EVERY, EVERY),
    "shadow_open": Fault('chmod 644 "$ROOT/etc/shadow"', "base-modes", EVERY, EVERY),
    "init_gone": Fault('rm "$ROOT/sbin/init"', "init-program", EVERY),
    "default_target_gone": Fault(
        'rm -f "$ROOT/etc/systemd/system/default.target"'
        ' "$ROOT/usr/lib/systemd/system/default.target"',
        "init-target",
        SYSTEMD,
    ),
    "passwd_malformed": Fault(
        "sed -i 's/^root:x:/root;x;/' \"$ROOT/etc/passwd\"", "login-accounts", EVERY
    ),
    "shadow_gone": Fault('rm "$ROOT/etc/shadow"', "login-accounts", EVERY),
    "root_shell_gone": Fault(
        "sed -i -E 's#^(root:.*:)[^:]*$#\\1/usr/local/bin/zsh#' \"$ROOT/etc/passwd\"",
        "login-shell",
        EVERY,
    ),
    "pam_files_gone": Fault(
        'rm "$ROOT/etc/pam.d/system-auth"', "login-pam", SYSTEMD, by_hand_on=SYSTEMD
    ),
    "inittab_without_getty": Fault(
        'sed -i /respawn/d "$ROOT/etc/inittab"', "login-getty", EXTLINUX
    ),
    "nologin_left": Fault('touch "$ROOT/etc/nologin"', "login-nologin", EVERY, EVERY),
    "sshd_config_invalid": Fault(
        'echo "PermitRootLogins maybe" >>"$ROOT/etc/ssh/sshd_config"',
        "network-sshd-config",
        EVERY,
        EVERY,
    ),
    "host_keys_open": Fault(
        'chmod 644 "$ROOT"/etc/ssh/ssh_host_*_key', "network-host-keys", EVERY, EVERY
    ),
    "sshd_disabled": Fault(
        'rm "$ROOT"/etc/systemd/system/multi-user.target.wants/sshd.service',
        "network-sshd-enabled",
        SYSTEMD,
        SYSTEMD,
    ),
    "sshd_in_no_runlevel": Fault(
        'rm "$ROOT/etc/runlevels/default/sshd"', "network-sshd-enabled", EXTLINUX, EXTLINUX
    ),
}
