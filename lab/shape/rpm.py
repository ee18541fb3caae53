"""Fedora on UEFI, and what came of RHEL 8 on BIOS and on UEFI: shapes of the rpm family.

Sources: fedoraproject.org/wiki/Changes/BootLoaderSpecByDefault and UnifyGrubConfig (entries, stub,
grubenv), docs.fedoraproject.org (layout of the file system), authselect(8) and pam.d as Fedora's
packages have it, the spec of openssh (ssh_keys until Fedora 38), selinux(8).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.shape import common, disk, kernel
from lab.shape.disk import Part
from lab.shape.files import Files
from lab.shape.parts import Parts, run

MACHINE = "5d0c1f3e8a7b4c2d9e6f0a1b2c3d4e5f"
ROOT_UUID = "6d3376e4-fc93-4509-95ec-a21d68011da2"
BOOT_UUID = "0f2a51c8-3b7e-4d19-8c64-97be1a2d3f40"
ESP_UUID = "7A3C-51F0"
_SSH_KEYS = 999  # the group's number


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the family: ``folder`` is below EFI/, ``unified`` where grub.cfg is in /boot/grub2.

    ``options`` is whether kernels take theirs from grubenv, ``boot_kind`` the file system of /boot.
    """

    name: str
    title: str
    like: str
    folder: str
    release: str
    database: str
    uefi: bool
    unified: bool
    options: bool
    boot_kind: str


FEDORA = Variant(
    name="fedora",
    title="Fedora Linux 41 (Server Edition)",
    like="",
    folder="fedora",
    release="6.11.4-301.fc41.x86_64",
    database="/usr/lib/sysimage/rpm",
    uefi=True,
    unified=True,
    options=False,
    boot_kind="ext4",
)
EL8 = Variant(
    name="almalinux",
    title="AlmaLinux 8.10 (Cerulean Leopard)",
    like="rhel centos fedora",
    folder="almalinux",
    release="4.18.0-553.el8_10.x86_64",
    database="/var/lib/rpm",
    uefi=False,
    unified=True,
    options=True,
    boot_kind="xfs",
)
EL8_UEFI = Variant(
    name="almalinux",
    title="AlmaLinux 8.10 (Cerulean Leopard)",
    like="rhel centos fedora",
    folder="almalinux",
    release="4.18.0-553.el8_10.x86_64",
    database="/var/lib/rpm",
    uefi=True,
    unified=False,
    options=True,
    boot_kind="xfs",
)


def build(target: Path, parts: Parts, variant: Variant) -> None:
    """The disk, a raw image."""
    work = target.parent
    root, boot, esp = (Files(work / name) for name in ("root", "boot", "esp"))
    _root(root, parts, variant)
    _boot(boot, root, parts, variant)
    if variant.uefi:
        _esp(esp, parts, variant)
        pieces = [
            Part(48, "U", "vfat", ESP_UUID, esp),
            Part(
                320 if variant.boot_kind == "xfs" else 80, "L", variant.boot_kind, BOOT_UUID, boot
            ),
            Part(384, "L", "xfs", ROOT_UUID, root),
        ]
        disk.make(target, "gpt", pieces, parts)
        return
    pieces = [
        Part(320, "83", variant.boot_kind, BOOT_UUID, boot, active=True),
        Part(384, "83", "xfs", ROOT_UUID, root),
    ]
    modules = ("part_msdos", "xfs")
    disk.install_grub(boot, "/grub2", "(,msdos1)/grub2", modules)
    loadenv = boot.here("/grub2/i386-pc/loadenv.mod")
    boot.copy(loadenv, "/grub2/i386-pc/blscfg.mod")  # a stand-in: Debian's GRUB has none
    for path in sorted(boot.here("/grub2/i386-pc").iterdir()):
        root.copy(path, f"/usr/lib/grub/i386-pc/{path.name}")
    root.here("/usr/lib/grub/i386-pc/core.img").unlink()
    disk.make(target, "dos", pieces, parts)
    disk.write_grub(target, boot, "/grub2")


def _root(files: Files, parts: Parts, variant: Variant) -> None:
    files.folders("/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64")
    for name in ("bin", "sbin", "lib", "lib64"):
        files.link(f"/{name}", f"usr/{name}")
    common.folders(files, root_mode=0o550)
    common.with_systemd(files, parts, "/usr/lib64", "usr/sbin")
    files.link("/etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target")
    _identity(files, variant)
    common.accounts(files, "/bin/bash", {"bin": 1, "sshd": 74, "ssh_keys": _SSH_KEYS}, (0, 0))
    _ssh(files)
    _pam(files, variant)
    lines = [f"UUID={ROOT_UUID} /     xfs   defaults 0 0"]
    lines.append(f"UUID={BOOT_UUID} /boot {variant.boot_kind} defaults 0 0")
    if variant.uefi:
        lines.append(f"UUID={ESP_UUID} /boot/efi vfat umask=0077,shortname=winnt 0 2")
    files.put("/etc/fstab", "\n".join(lines) + "\n")
    kernel.install_modules(files, parts, variant.release, "/usr/lib/modules", ".xz")
    folder = f"/usr/lib/modules/{variant.release}"
    files.put(f"{folder}/vmlinuz", kernel.image(parts, variant.release), 0o755)
    files.put(f"{folder}/config", kernel.config(parts))
    files.put("/usr/lib/initramfs.img", _initramfs(parts, variant), 0o600)
    files.put("/usr/bin/dracut", common.remaker("/usr/lib/initramfs.img", '"$3"'), 0o755)
    files.put("/etc/ld.so.conf", "include ld.so.conf.d/*.conf\n")
    files.folders("/etc/ld.so.conf.d")
    # Fedora's ldconfig knows /usr/lib64 by itself
    run([str(parts.root / "usr/sbin/ldconfig"), "-X", "-r", str(files.folder), "/usr/lib64"])
    _database(files, parts, variant)


def _identity(files: Files, variant: Variant) -> None:
    lines = [f'NAME="{variant.title.split(" ")[0]}"', f"ID={variant.name}"]
    lines += [f'ID_LIKE="{variant.like}"'] if variant.like else []
    lines.append(f'PRETTY_NAME="{variant.title}"')
    files.put("/usr/lib/os-release", "\n".join(lines) + "\n")
    files.link("/etc/os-release", "../usr/lib/os-release")
    files.put(f"/etc/{variant.name}-release", f"{variant.title}\n")
    files.link("/etc/redhat-release", f"{variant.name}-release")
    files.put("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n")
    files.put("/etc/sysconfig/network", "# Created by anaconda\n")
    files.link("/etc/sysconfig/selinux", "../selinux/config")
    kept = "GRUB_TIMEOUT=5\nGRUB_DEFAULT=saved\nGRUB_ENABLE_BLSCFG=true\n"
    files.put("/etc/default/grub", f'{kept}GRUB_CMDLINE_LINUX="console=ttyS0"\n')
    files.put("/etc/kernel/cmdline", f"root=UUID={ROOT_UUID} ro console=ttyS0\n")


def _ssh(files: Files) -> None:
    common.host_keys(files, 0o640, _SSH_KEYS)
    files.put(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config.d/*.conf\n"
        "AuthorizedKeysFile\t.ssh/authorized_keys\nSubsystem\tsftp\t/usr/libexec/openssh/sftp-server\n",
        0o600,
    )
    files.put(
        "/etc/ssh/sshd_config.d/50-redhat.conf",
        "Include /etc/crypto-policies/back-ends/opensshserver.config\n"
        "SyslogFacility AUTHPRIV\nChallengeResponseAuthentication no\n"
        "GSSAPIAuthentication yes\nGSSAPICleanupCredentials no\nUsePAM yes\n"
        "X11Forwarding yes\nPrintMotd no\n",
        0o600,
    )
    files.put(
        "/usr/lib/systemd/system/sshd-keygen@.service",
        "[Unit]\nConditionFileNotEmpty=|!/etc/ssh/ssh_host_%i_key\n"
        "[Service]\nType=oneshot\nExecStart=/usr/libexec/openssh/sshd-keygen %i\n",
    )


def _pam(files: Files, variant: Variant) -> None:
    modern = variant is FEDORA
    sss = "" if modern else "auth sufficient pam_sss.so forward_pass\n"
    shared = (
        f"auth required pam_env.so\nauth sufficient pam_unix.so nullok\n{sss}"
        "auth required pam_deny.so\n"
        "account required pam_unix.so\n"
        "password requisite pam_pwquality.so\n"
        "password sufficient pam_unix.so yescrypt shadow nullok use_authtok\n"
        "password required pam_deny.so\n"
        "session optional pam_keyinit.so revoke\nsession required pam_limits.so\n"
        "-session optional pam_systemd.so\n"
        "session [success=1 default=ignore] pam_succeed_if.so service in crond quiet use_uid\n"
        "session required pam_unix.so\n"
    )
    for name in ("system-auth", "password-auth", "postlogin"):
        text = "session optional pam_lastlog.so silent noupdate showfailed\n"
        files.put(f"/etc/authselect/{name}", text if name == "postlogin" else shared)
        files.link(f"/etc/pam.d/{name}", f"/etc/authselect/{name}")
    middle = "session required pam_selinux.so close\nsession required pam_loginuid.so\n"
    middle += "session required pam_selinux.so open\nsession optional pam_keyinit.so force revoke\n"
    for name, base in (("login", "system-auth"), ("sshd", "password-auth")):
        files.put(
            f"/etc/pam.d/{name}",
            f"auth substack {base}\nauth include postlogin\n"
            f"account required pam_nologin.so\naccount include {base}\n"
            f"password include {base}\n{middle}session include {base}\n"
            "session include postlogin\n-session optional pam_ck_connector.so\n",
        )
    files.put("/etc/pam.d/other", "".join(f"{one} required pam_deny.so\n" for one in _KINDS))
    # a stand-in: of a package that Debian's root does not have
    files.copy(
        files.here("/usr/lib64/security/pam_permit.so"), "/usr/lib64/security/pam_pwquality.so"
    )


_KINDS = ("auth", "account", "password", "session")


def _initramfs(parts: Parts, variant: Variant) -> bytes:
    more = {
        "init": "#!/usr/bin/bash\n",
        "etc/initrd-release": f'NAME="dracut"\nPRETTY_NAME="{variant.title} dracut"\n',
        "usr/lib/dracut/dracut-version": "103\n",
    }
    main = kernel.initramfs(parts, variant.release, "usr/lib/modules", more, ".xz")
    return kernel.microcode() + kernel.zstd(main)


def _boot(files: Files, root: Files, parts: Parts, variant: Variant) -> None:
    release = variant.release
    files.put(f"/vmlinuz-{release}", kernel.image(parts, release), 0o755)
    files.put(f"/initramfs-{release}.img", root.here("/usr/lib/initramfs.img").read_bytes(), 0o600)
    files.put(f"/config-{release}", kernel.config(parts))
    files.put(f"/.vmlinuz-{release}.hmac", f"{'0' * 128}  /boot/vmlinuz-{release}\n")
    rescue = f"0-rescue-{MACHINE}"
    files.copy(files.here(f"/vmlinuz-{release}"), f"/vmlinuz-{rescue}")
    files.copy(files.here(f"/initramfs-{release}.img"), f"/initramfs-{rescue}.img")
    own = "$kernelopts $tuned_params" if variant.options else f"root=UUID={ROOT_UUID} ro quiet"
    for version, name in ((release, release), ("0-rescue", rescue)):
        files.put(
            f"/loader/entries/{MACHINE}-{version}.conf",
            f"title {variant.title} ({name})\nversion {name}\nlinux /vmlinuz-{name}\n"
            f"initrd /initramfs-{name}.img{' $tuned_initrd' if variant.options else ''}\n"
            f"options {own}\ngrub_users $grub_users\ngrub_arg --unrestricted\n"
            f"grub_class {variant.name}\n",
        )
    files.folders("/grub2", mode=0o700)
    environment = f"saved_entry={MACHINE}-{release}\n"
    if variant.options:
        environment += f"kernelopts=root=UUID={ROOT_UUID} ro console=ttyS0\n"
    block = f"# GRUB Environment Block\n{environment}boot_success=1\n".ljust(1024, "#")
    if variant.unified:
        files.put("/grub2/grub.cfg", _menu(variant), 0o600)
        files.put("/grub2/grubenv", block, 0o600)
    else:
        files.link("/grub2/grubenv", f"../efi/EFI/{variant.folder}/grubenv")
        _esp_files(Files(files.folder.parent / "esp"), variant, block)
    files.folders("/efi", mode=0o700)


def _esp_files(esp: Files, variant: Variant, block: str) -> None:
    esp.put(f"/EFI/{variant.folder}/grub.cfg", _menu(variant))
    esp.put(f"/EFI/{variant.folder}/grubenv", block)


def _menu(variant: Variant) -> str:
    kept = f'set kernelopts="root=UUID={ROOT_UUID} ro console=ttyS0 "'
    default = f'if [ -z "${{kernelopts}}" ]; then\n  {kept}\nfi\n' if variant.options else ""
    table = "part_gpt" if variant.uefi else "part_msdos"
    return (
        "set pager=1\nif [ -f ${config_directory}/grubenv ]; then\n"
        "  load_env -f ${config_directory}/grubenv\nelif [ -s $prefix/grubenv ]; then\n"
        '  load_env\nfi\nset default="${saved_entry}"\nset timeout=5\n'
        f"insmod {table}\ninsmod xfs\nsearch --no-floppy --fs-uuid --set=root {ROOT_UUID}\n"
        f"insmod {table}\nsearch --no-floppy --fs-uuid --set=boot {BOOT_UUID}\n{default}"
        "insmod blscfg\nblscfg\n"
        'if [ "$grub_platform" = efi ]; then\n'
        "  menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\n"
        "    fwsetup\n  }\nfi\n"
    )


def _esp(files: Files, parts: Parts, variant: Variant) -> None:
    folder = f"/EFI/{variant.folder}"
    shim, signed = parts.root / "usr/lib/shim", parts.root / "usr/lib/grub/x86_64-efi-signed"
    for name in ("shim.efi", "shimx64.efi"):
        files.copy(shim / "shimx64.efi.signed", f"{folder}/{name}")
    files.copy(shim / "mmx64.efi.signed", f"{folder}/mmx64.efi")
    grub = (signed / "grubx64.efi.signed").read_bytes()
    own = f"/EFI/{variant.folder}".encode()
    if len(own) <= len(b"/EFI/debian"):
        grub = grub.replace(b"/EFI/debian", own.ljust(len(b"/EFI/debian"), b"\0"))
    else:  # the next section begins soon, but there is room to its alignment
        at = grub.index(b"/EFI/debian")
        grub = grub[:at] + own + b"\0" + grub[at + len(own) + 1 :]
    files.put(f"{folder}/grubx64.efi", grub)
    files.put(f"{folder}/BOOTX64.CSV", f"shimx64.efi,{variant.title},,\n".encode("utf-16"))
    files.copy(shim / "shimx64.efi.signed", "/EFI/BOOT/BOOTX64.EFI")
    files.copy(shim / "fbx64.efi.signed", "/EFI/BOOT/fbx64.efi")
    if variant.unified:
        files.put(
            f"{folder}/grub.cfg",
            f"search --no-floppy --root-dev-only --fs-uuid --set=dev {BOOT_UUID}\n"
            "set prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n",
        )


def _database(files: Files, parts: Parts, variant: Variant) -> None:
    """A real one, by Debian's rpm: one package, which owns what names the system."""
    work = files.folder.parent / "rpmbuild"
    spec = work / "release.spec"
    work.mkdir()
    spec.write_text(
        f"Name: {variant.name}-release\nVersion: 1\nRelease: 1\nSummary: What this is\n"
        "License: MIT\nBuildArch: noarch\n%description\nA package of the lab.\n"
        "%install\nmkdir -p %{buildroot}/usr/lib\n"
        f"cp {files.here('/usr/lib/os-release')} %{{buildroot}}/usr/lib/os-release\n"
        "%files\n/usr/lib/os-release\n"
    )
    where = files.here(f"{variant.database}/x").parent
    plain = [f"--define=_topdir {work}", f"--define=_dbpath {where}"]
    parts.run("usr/bin/rpmbuild", "-bb", *plain, "--define=__os_install_post %{nil}", spec)
    package = next(work.rglob("*.rpm"))
    quiet = ["--nodeps", "--noscripts", "--justdb", "--ignorearch", "--nosignature"]
    parts.run("usr/bin/rpm", "-i", *plain, *quiet, package)
