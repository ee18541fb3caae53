"""The rescue system's root: Debian packages by mmdebstrap, our files on top, as a squashfs.

mmdebstrap's tar goes straight into mksquashfs, so that the two run side by side and no root is
needed where user namespaces are allowed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from lifebuoy.errors import BuildFailed
from lifebuoy.image import doctor, tools

SUITE: Final = "bookworm"
_UNIFONT: Final = "/usr/share/fonts/opentype/unifont/unifont.otf"
_UNDO_S: Final = 60.0  # for mmdebstrap to take its mounts and temporary tree away
_LEFT_OUT: Final = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/bug/*",
    "/usr/share/lintian/*",
    "/usr/lib/grub/*/monolithic/*",
    "/usr/bin/perl5*",
)
#: links made in the root: path -> target
_LINKS: Final = {
    "etc/inittab": "/run/inittab",
    "etc/resolv.conf": "/run/lifebuoy/resolv.conf",
    "usr/sbin/reboot": "/usr/lib/lifebuoy/reboot",
    "usr/sbin/poweroff": "/usr/lib/lifebuoy/reboot",
    "usr/sbin/halt": "/usr/lib/lifebuoy/reboot",
    "usr/sbin/shutdown": "/usr/lib/lifebuoy/reboot",
    # Debian's rules that would assemble RAID arrays and activate volume groups by themselves
    "etc/udev/rules.d/64-md-raid-assembly.rules": "/dev/null",
    "etc/udev/rules.d/69-lvm.rules": "/dev/null",
    "etc/udev/rules.d/80-net-setup-link.rules": "/dev/null",
}
_PLACES: Final = {  # our files: folder in the package -> folder in the root, mode
    "init": ("usr/lib/lifebuoy", 0o755),
    "bin": ("usr/sbin", 0o755),
}
_ETC: Final = {
    "sshd_config": "etc/ssh/sshd_config",
    "90-lifebuoy.rules": "etc/udev/rules.d/90-lifebuoy.rules",
    "lvmlocal.conf": "etc/lvm/lvmlocal.conf",
    "mdadm.conf": "etc/mdadm/mdadm.conf",
    "notice.zh": "usr/lib/lifebuoy/notice.zh",
    "lost.zh": "usr/lib/lifebuoy/lost.zh",
}
#: Runs last in the new root; $1 is its folder. It must leave /tmp alone: mmdebstrap keeps the
#: new root's apt configuration there, and cleans this machine's package lists where that is gone.
_CUSTOMIZE: Final = (
    r"""set -eu
root=$1
rm -f "$root"/vmlinuz* "$root"/initrd* "$root"/etc/hostname "$root"/etc/ssh/ssh_host_*
rm -rf "$root"/boot/* "$root"/var/cache/* "$root"/var/log/* "$root"/run/*
rm -rf "$root"/usr/share/perl/*/Unicode/Collate
rm -rf "$root"/usr/lib/modules/*/build "$root"/usr/lib/modules/*/source
mkdir -p "$root"/var/log/apt "$root"/var/cache/apt/archives/partial \
  "$root"/usr/lib/lifebuoy/applets
chroot "$root" /bin/busybox --install -s /usr/lib/lifebuoy/applets
rm "$root"/usr/lib/lifebuoy/applets/modprobe # the real one has an index of aliases
chroot "$root" dpkg --purge fonts-unifont >/dev/null
chroot "$root" passwd -q -l root
echo "127.0.0.1 localhost" > "$root"/etc/hosts
: > "$root"/etc/machine-id
chroot "$root" env PYTHONHASHSEED=0 python3 - /usr/sbin/doctor <<'END'
"""
    + doctor.COMPILE
    + r"""END
chroot "$root" dpkg-query -W > "$root"/usr/lib/lifebuoy/packages
"""
)


def word_list(text: str) -> list[str]:
    """Words of a list file, a word per line, without comments."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def our_files(guest: Path, epoch: int) -> bytes:
    """A tar of what Lifebuoy puts into the root; ``guest`` is the package folder."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, target, mode in entries(guest):
            info = tarfile.TarInfo(target)
            info.mode, info.mtime = mode, epoch
            data = path.read_bytes()
            info.size = len(data)
            tar.addfile(info, BytesIO(data))
        program = tarfile.TarInfo("usr/sbin/doctor")
        program.mode, program.mtime = 0o755, epoch
        packed = doctor.zipapp(guest, epoch)
        program.size = len(packed)
        tar.addfile(program, BytesIO(packed))
        for name, target in sorted(_LINKS.items()):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, target, epoch
            tar.addfile(info)
    return buffer.getvalue()


def entries(guest: Path) -> Iterator[tuple[Path, str, int]]:
    """Our files, where they go in the root, and their modes."""
    for folder, (place, mode) in _PLACES.items():
        for path in sorted((guest / folder).iterdir()):
            if path.name in {"initramfs", "__pycache__"}:
                continue
            inside = "usr/lib/lifebuoy" if path.name in {"reboot", "system-common"} else place
            yield path, f"{inside}/{path.name}", mode
    for name, target in _ETC.items():
        yield guest / "etc" / name, target, 0o644


def make(work: Path, guest: Path, *, epoch: int, note: Callable[[str], None]) -> None:
    """Make ``work/root.squashfs`` and, beside it, what the ISO takes from the root.

    Left in ``work``: root.squashfs, packages (name and version a line), boot/ (kernel), and
    parts/ with usr/lib (modules, shim, grub), busybox and unifont.otf. ``note`` is told what is
    going on, a line at a time.

    Raises:
        BuildFailed: with the last words of the program that failed.
    """
    (work / "files.tar").write_bytes(our_files(guest, epoch))
    left_out = word_list((guest / "modules-left-out.txt").read_text())
    excludes = [*_LEFT_OUT, *(f"/lib/modules/*/kernel/{path}*" for path in left_out)]
    parts = work / "parts"
    (parts / "usr/lib").mkdir(parents=True)
    packages = word_list((guest / "packages.txt").read_text())
    command = [
        *((tools.find("mmdebstrap") or "mmdebstrap"), "--variant=minbase", "--format=tar"),
        f"--include={','.join(packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in excludes),
        *("--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold"),
        '--aptopt=Acquire::Retries "3"',
        '--aptopt=APT::Install-Recommends "false"',
        # No initramfs for this kernel: ours is made apart.
        '--essential-hook=mkdir -p "$1"/etc/initramfs-tools && '
        'echo update_initramfs=no > "$1"/etc/initramfs-tools/update-initramfs.conf',
        f"--customize-hook=copy-out /boot {work}",
        f"--customize-hook=copy-out /usr/lib/modules /usr/lib/grub /usr/lib/shim {parts}/usr/lib",
        f"--customize-hook=copy-out /usr/bin/busybox {_UNIFONT} {parts}",
        f"--customize-hook=tar-in {work}/files.tar /",
        # Inline, not a file: in a user namespace our own folders cannot be read.
        f"--customize-hook={_CUSTOMIZE}",
        f"--customize-hook=download /usr/lib/lifebuoy/packages {work}/packages",
        *(SUITE, "-"),
    ]
    _pipe_to_squashfs(command, work / "root.squashfs", epoch, note)


def _pipe_to_squashfs(
    command: list[str], target: Path, epoch: int, note: Callable[[str], None]
) -> None:
    env = {
        "SOURCE_DATE_EPOCH": str(epoch),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "TMPDIR": os.environ.get("TMPDIR", "/var/tmp"),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
    }
    squash = [
        # It gives / to whoever runs it, whatever the tar or its own -root-uid say.
        *(() if os.getuid() == 0 else ("unshare", "--map-root-user")),
        *((tools.find("mksquashfs") or "mksquashfs"), "-", str(target), "-tar", "-quiet"),
        *("-no-progress", "-no-xattrs", "-b", "256K", "-comp", "zstd", "-Xcompression-level", "12"),
        *("-root-mode", "755"),  # the tar's own entry for / is passed over
    ]
    lines: list[str] = []
    with (
        # Sessions of their own: mmdebstrap hangs up its whole process group when it is done, and a
        # Ctrl-C is ours to pass on, or a child's end could be seen before it as a failure.
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        ) as bootstrap,
        subprocess.Popen(
            squash,
            stdin=bootstrap.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": env["PATH"], "SOURCE_DATE_EPOCH": str(epoch)},
            start_new_session=True,
        ) as packer,
    ):
        assert bootstrap.stdout is not None and bootstrap.stderr is not None
        bootstrap.stdout.close()
        try:
            for raw in bootstrap.stderr:
                lines.append(raw.decode(errors="replace").rstrip())
                note(lines[-1])
            _, packer_words = packer.communicate()
            bootstrap.wait()
        except BaseException:
            # To the whole group: its workers hold mounts that only they undo.
            os.killpg(bootstrap.pid, signal.SIGINT)
            packer.terminate()
            bootstrap.wait(timeout=_UNDO_S)
            raise
    # Whoever failed first takes the other along: a packer that ends breaks mmdebstrap's pipe.
    broken_pipe = any("signal PIPE" in line for line in lines)
    if bootstrap.returncode != 0 and not broken_pipe:
        raise BuildFailed(f"mmdebstrap failed: {_reason(lines)}")
    if packer.returncode != 0:
        raise BuildFailed(f"mksquashfs failed: {tools.tail(packer_words)}")
    if bootstrap.returncode != 0:
        raise BuildFailed(f"mmdebstrap failed: {_reason(lines)}")


def _reason(lines: list[str]) -> str:
    """The telling lines of a failed run: its errors, the first ones first, else its last words."""
    errors = [line[:300] for line in lines if re.search(r"\berror\b|^E:", line, re.IGNORECASE)]
    return " | ".join((errors or lines[-5:])[:5])
