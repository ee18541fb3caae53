"""Copies of this machine for the package: overlays in namespaces of their own, which end with them.

What dpkg, the maintainer scripts and systemd do there is theirs alone.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PATH: Final = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_COMMAND_S: Final = 180.0
_BOOT_S: Final = 120.0
_OVERLAY: Final = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
rm -f usr/sbin/policy-rc.d  # of a machine that starts no services
"""
_IDLE: Final = (
    _OVERLAY
    + """
mount --rbind /dev dev
mount -t tmpfs tmpfs run
echo ready
exec sleep 1800
"""
)
#: systemd starts there as on a machine of its own. Settings of this machine's kernel, its modules
#: and its devices are none of its business, and it has no network but its own loopback.
_SYSTEMD: Final = (
    _OVERLAY
    + """
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
units=etc/systemd/system
rm -rf $units/*.wants
for unit in systemd-modules-load.service systemd-remount-fs.service systemd-random-seed.service \\
    systemd-udevd.service systemd-udev-trigger.service systemd-binfmt.service \\
    proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount \\
    sys-fs-fuse-connections.mount dev-hugepages.mount tmp.mount; do
    ln -sf /dev/null "$units/$unit"
done
ip link set lo up
echo ready
exec >/dev/null 2>&1
exec env -i container=lifebuoy-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    chroot . /lib/systemd/systemd --unit=basic.target
"""
)


class Root:
    """A copy of this machine, whose processes and changes end with it."""

    _setup = _IDLE
    _apart: tuple[str, ...] = ("--mount", "--pid")
    _enter_: tuple[str, ...] = ("-m", "-p")

    def __init__(self, folder: Path, cgroup: Path | None = None) -> None:
        # a process that is in the group when it makes its namespace sees nothing above it
        join = f"echo 0 >{cgroup}/cgroup.procs; " if cgroup else ""
        words = ["unshare", *self._apart, "--fork", "--kill-child", "sh", "-c", self._setup]
        self._process = subprocess.Popen(
            ["sh", "-c", f'{join}exec "$@"', "sh", *words, "sh", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        pid = self._process.pid
        child = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        self._enter = ["nsenter", "-t", child, *self._enter_, "chroot", str(folder / "root")]

    def __call__(self, *words: str, stdin: str = "") -> str:
        """What a command says there, which must succeed."""
        done = self.tried(*words, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tried(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """How a command ends there."""
        return subprocess.run(
            [*self._enter, "env", "-i", PATH, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
        )

    def put(self, file: Path) -> str:
        """Bring a file of this machine there; where it is."""
        place = f"/var/tmp/{file.name}"
        with file.open("rb") as opened:
            words = [*self._enter, "env", "-i", PATH, "sh", "-c", 'cat >"$1"', "sh", place]
            subprocess.run(words, stdin=opened, check=True, timeout=_COMMAND_S)
        return place

    def has(self, path: str) -> bool:
        """Whether there is something."""
        return self("sh", "-c", f"test -e {path} && echo yes || echo no") == "yes\n"

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start something that goes on; its first line is what its process is called there."""
        told = ["env", "-i", PATH, "sh", "-c", 'echo $$; exec "$@"', "sh", *words]
        return subprocess.Popen([*self._enter, *told], stdout=subprocess.PIPE, text=True)

    def end(self) -> None:
        """All of it goes."""
        self._process.kill()
        self._process.wait()


class Booted(Root):
    """A copy on which systemd runs, with no network but its own loopback."""

    _setup = _SYSTEMD
    _apart = ("--mount", "--pid", "--cgroup", "--ipc", "--uts", "--net")
    _enter_ = ("-m", "-p", "-C", "-n", "-i", "-u")

    def wait(self) -> None:
        """Until it has started."""
        deadline = time.monotonic() + _BOOT_S
        while self.tried("systemctl", "is-active", "basic.target").stdout != "active\n":
            assert time.monotonic() < deadline, self.tried("systemctl", "list-jobs").stdout
            time.sleep(0.5)


def cgroups() -> Path | None:
    """Where this machine's unified hierarchy of control groups is; None without one."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


@contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """One for the block."""
    above = cgroups()
    assert above is not None
    group = above / f"lifebuoy-test-{time.monotonic_ns()}"
    group.mkdir()
    try:
        made = Booted(folder, group)
        try:
            made.wait()
            yield made
        finally:
            made.end()
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Remove a control group and those below it, once what was in them is gone."""
    deadline = time.monotonic() + 20
    while group.exists() and time.monotonic() < deadline:
        for path in sorted(group.rglob("*"), reverse=True):
            if path.is_dir():
                with suppress(OSError):
                    path.rmdir()
        with suppress(OSError):
            group.rmdir()
        time.sleep(0.1)
