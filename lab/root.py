"""The Debian root that all guests are copies of, made by mmdebstrap and kept as a squashfs.

There is one for each history of its packages.
Its kernel and initramfs are kept beside it: they also boot the builder (``lab.builder``).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab import cache, scripts
from lab.layout import History
from lifebuoy.errors import BuildFailed, MissingTool

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PASSWORD = "Lab-guest-1"
PASSWORD_HASH = (
    "$6$labguest$eHTHk6YiiOuuO.Y3M8ql4M8nFXP9y0V5KSVIqr8uUXzNlMCAuUS"
    "/1oXVlwrfggq9wnUH81LRgSdIRUdZySoDC0"
)
PACKAGES = (
    # a system that boots and can be logged in to
    "dbus",  # logind needs it, and logind answers the power button
    "init",
    "iproute2",
    "kmod",
    "linux-image-cloud-amd64",
    "login",
    "openssh-server",
    "passwd",
    "procps",
    "qemu-guest-agent",
    "systemd-sysv",
    "udev",
    # its boot loaders and disks
    "dosfstools",
    "e2fsprogs",
    "efibootmgr",
    "fdisk",
    "gdisk",
    "grub-efi-amd64-bin",
    "grub-efi-amd64-signed",
    "grub-pc-bin",
    "grub2-common",
    "initramfs-tools",
    "lvm2",
    "parted",
    "shim-signed",
    "xfsprogs",
    "zstd",
)
DPKG_EXCLUDES = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
TIMEOUT_S = 900

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Root:
    """Where the root's squashfs, kernel and initramfs are, and the key they are kept under."""

    key: str
    folder: Path

    @property
    def squashfs(self) -> Path:
        """The whole root, lz4-compressed."""
        return self.folder / "root.squashfs"

    @property
    def kernel(self) -> Path:
        """The kernel of this root."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The initramfs of this root, with the drivers of every guest."""
        return self.folder / "initrd.img"


_SCRIPTS = {
    History.FRESH: ("initramfs.sh", "customise.sh"),
    History.UPGRADED: ("initramfs.sh", "customise.sh", "upgrade.sh"),
}


def key(history: History = History.FRESH) -> str:
    """The key of the root that this version of the lab builds."""
    return cache.key(
        SUITE,
        "\n".join(PACKAGES),
        "\n".join(DPKG_EXCLUDES),
        PASSWORD_HASH,
        *map(scripts.read, _SCRIPTS[history]),
    )


def get(base: Path, progress: Progress, history: History = History.FRESH) -> Root:
    """The guest root, built into the cache ``base`` where it is missing. Raises BuildFailed."""
    root_key = key(history)

    def build(folder: Path) -> None:
        progress(f"building the guest root from Debian packages ({history})")
        _build(folder, history)

    name = "root" if history is History.FRESH else f"root-{history}"
    return Root(root_key, cache.keep(base, name, root_key, build))


def _build(folder: Path, history: History) -> None:
    hooks = folder / "hooks"
    hooks.mkdir()
    for name in _SCRIPTS[history]:
        (hooks / name).write_text(scripts.read(name), encoding="utf-8")
        (hooks / name).chmod(0o755)
    bootstrap = [
        "mmdebstrap",
        "--variant=apt",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Apt::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt={option}" for option in ("force-unsafe-io", *DPKG_EXCLUDES)),
        f"--essential-hook={hooks / 'initramfs.sh'}",
        *(f"--customize-hook={hooks / name}" for name in _SCRIPTS[history][1:]),
        f"--customize-hook=download /vmlinuz {folder / 'vmlinuz'}",
        f"--customize-hook=download /initrd.img {folder / 'initrd.img'}",
        *(SUITE, "-"),
        # Else mmdebstrap adds the suites with updates itself.
        *((f"deb {MIRROR} {SUITE} main",) if history is History.UPGRADED else ()),
    ]
    squash = ["mksquashfs", "-", str(folder / "root.squashfs")]
    squash += ["-tar", "-comp", "lz4", "-no-progress", "-quiet"]
    environment = {
        **os.environ,
        "PASSWORD_HASH": PASSWORD_HASH,
        "DPKG_EXCLUDES": "\n".join(DPKG_EXCLUDES),
    }
    log = folder / "build.log"
    with (
        log.open("wb") as out,
        _running(bootstrap, stdout=subprocess.PIPE, stderr=out, env=environment) as first,
        _running(squash, stdin=first.stdout, stdout=out, stderr=out) as second,
    ):
        if first.stdout:
            first.stdout.close()  # so that mmdebstrap notices when mksquashfs ends early
        try:
            failed = [first.wait(TIMEOUT_S) != 0, second.wait(TIMEOUT_S) != 0]
        except subprocess.TimeoutExpired as late:
            raise BuildFailed(f"the guest root was not built within {TIMEOUT_S} s") from late
    if any(failed):
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:]
        raise BuildFailed(
            "the guest root could not be built:\n" + "\n".join(tail),
            hint="It needs root (or user namespaces) and a reachable Debian mirror.",
        )


@contextmanager
def _running(
    command: list[str],
    *,
    stdout: IO[bytes] | int,
    stderr: IO[bytes],
    stdin: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The started program; ended, not left behind, when the block is left early."""
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=env,
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
    except FileNotFoundError as missing:
        packages = {"mksquashfs": "squashfs-tools"}
        hint = f"Install the package {packages.get(command[0], command[0])}."
        raise MissingTool(f"{command[0]} is not installed", hint=hint) from missing
    try:
        yield process
    finally:
        if process.poll() is None:
            # To the whole group, as a terminal does: then mmdebstrap's workers end, and the
            # last of them removes the tree.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
