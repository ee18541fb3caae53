"""What the shapes are made of: a part of the lab's own root, and a few Debian packages, unpacked.

The packages are downloaded into the cache, not installed on this machine.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import cache, root
from lab.root import Progress
from lifebuoy.errors import BuildFailed

PACKAGES = (
    # Alpine
    "extlinux",
    "musl",
    "syslinux-common",
    # Arch
    "systemd-boot-efi",
    # Fedora and its kin: rpm, with what it loads
    "libelf1",
    "liblua5.3-0",
    "libpopt0",
    "librpm9",
    "librpmbuild9",
    "librpmio9",
    "librpmsign9",
    "libsqlite3-0",
    "rpm",
    "rpm-common",
)
_FROM_ROOT = (
    "boot",
    "etc/pam.d",
    "usr/bin",
    "usr/lib/grub",
    "usr/lib/shim",
    "usr/lib/systemd",
    "usr/lib/x86_64-linux-gnu",
    "usr/sbin",
)
_MODULES = ("fs", "drivers/block", "drivers/virtio", "lib", "crypto")
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Parts:
    """Where they lie: ``root`` is the lab's Debian, ``debs`` the packages, one over the other."""

    root: Path
    debs: Path

    @property
    def release(self) -> str:
        """The release of the kernel of the lab's root."""
        return next(self.root.glob("boot/vmlinuz-*")).name.removeprefix("vmlinuz-")

    @property
    def libraries(self) -> Path:
        """The folder of the root's libraries."""
        return self.root / "usr/lib/x86_64-linux-gnu"

    def run(self, program: str, *arguments: str | Path, folder: Path | None = None) -> str:
        """What a program of the parts prints, run by their own loader. Raises BuildFailed."""
        home = self.root if (self.root / program).exists() else self.debs
        paths = f"{self.libraries}:{self.debs / 'usr/lib/x86_64-linux-gnu'}"
        loader = [str(self.libraries / "ld-linux-x86-64.so.2"), "--library-path", paths]
        command = [*loader, str(home / program), *map(str, arguments)]
        configuration = {"RPM_CONFIGDIR": str(self.debs / "usr/lib/rpm"), "HOME": "/nonexistent"}
        return run(command, folder=folder, more=configuration)


def run(
    command: list[str], *, folder: Path | None = None, more: dict[str, str] | None = None
) -> str:
    """What a command prints. Raises BuildFailed."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **(more or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=False, timeout=TIMEOUT_S
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-500:]
        raise BuildFailed(f"{Path(command[0]).name} failed: {said}")
    return done.stdout.decode(errors="replace")


def key() -> str:
    """Changes with what the parts are made of."""
    return cache.key(root.key(), *PACKAGES, *_FROM_ROOT, *_MODULES)


def get(base: Path, progress: Progress) -> Parts:
    """The parts, unpacked in the cache ``base`` where they are not yet. Raises BuildFailed."""
    lab_root = root.get(base, progress)

    def build(folder: Path) -> None:
        progress("unpacking the parts of the shapes")
        _unpack(folder, lab_root.squashfs)

    folder = cache.keep(base, "shape-parts", key(), build)
    return Parts(folder / "root", folder / "debs")


def _unpack(folder: Path, squashfs: Path) -> None:
    target = folder / "root"
    unsquash = ["unsquashfs", "-n", "-q", "-d", str(target), str(squashfs)]
    run([*unsquash, *_FROM_ROOT])
    release = Parts(target, folder / "debs").release
    modules = [f"usr/lib/modules/{release}/kernel/{name}" for name in _MODULES]
    run(
        [*unsquash[:3], "-f", *unsquash[3:], *modules, f"usr/lib/modules/{release}/modules.builtin"]
    )
    packages = folder / "packages"
    packages.mkdir()
    run(["apt-get", "-q", "download", *PACKAGES], folder=packages)
    for package in sorted(packages.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(folder / "debs")])
