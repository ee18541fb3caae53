"""What every shape has: accounts, folders, host keys; and what all those with systemd have."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from lab.root import PASSWORD_HASH
from lab.shape.files import Files
from lab.shape.parts import Parts

#: programs of the lab's root that a boot to a login and to SSH runs: name there
_PROGRAMS = (
    "usr/bin/bash",
    "usr/bin/dbus-daemon",
    "usr/bin/login",
    "usr/bin/mount",
    "usr/bin/su",
    "usr/bin/systemctl",
    "usr/bin/udevadm",
    "usr/bin/cp",
    "usr/bin/test",
    "usr/sbin/agetty",
    "usr/sbin/fsck",
    "usr/sbin/sshd",
    "usr/sbin/sulogin",
    "usr/lib/systemd/systemd",
    "usr/lib/systemd/systemd-fsck",
    "usr/lib/systemd/systemd-journald",
    "usr/lib/systemd/systemd-logind",
    "usr/lib/systemd/systemd-udevd",
    "usr/lib/systemd/systemd-user-sessions",
)
_SECURITY = "usr/lib/x86_64-linux-gnu/security"


def folders(files: Files, *, root_mode: int) -> None:
    """The folders that are empty or hold what a running system writes."""
    files.folders("/dev", "/proc", "/sys", "/run", "/home", "/mnt", "/opt", "/srv", "/var")
    files.folders("/var/lib", "/var/log", "/var/cache", "/etc", "/usr", "/boot")
    files.folders("/tmp", "/var/tmp", mode=0o1777)
    files.folders("/root", mode=root_mode)


def accounts(files: Files, shell: str, more: Mapping[str, int], shadow: tuple[int, int]) -> None:
    """root and these services; ``shadow`` is the mode and group of the file; with its backups."""
    passwd = [f"root:x:0:0:root:/root:{shell}"]
    passwd += [f"{name}:x:{uid}:{uid}::/:/sbin/nologin" for name, uid in more.items()]
    hashed = [f"root:{PASSWORD_HASH}:20000:0:99999:7:::"]
    hashed += [f"{name}:!*:20000::::::" for name in more]
    groups = ["root:x:0:", *(f"{name}:x:{uid}:" for name, uid in more.items()), "shadow:x:42:"]
    for kind, lines in (("passwd", passwd), ("group", groups)):
        for end in ("", "-"):
            files.put(f"/etc/{kind}{end}", "\n".join(lines) + "\n")
    for end in ("", "-"):
        files.put(f"/etc/shadow{end}", "\n".join(hashed) + "\n", *shadow)


def host_keys(files: Files, mode: int = 0o600, gid: int = 0) -> None:
    """SSH host keys, real ones."""
    files.folders("/etc/ssh")
    for kind in ("ed25519", "ecdsa"):
        path = files.here(f"/etc/ssh/ssh_host_{kind}_key")
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)]
        subprocess.run(command, check=True, timeout=60)
        files.put(f"/etc/ssh/{path.name}", path.read_bytes(), mode, gid)


def with_systemd(files: Files, parts: Parts, libraries: str, sbin: str) -> None:
    """Programs, libraries, PAM's modules and systemd's units of the lab's root, without sshd's."""
    places = [
        (name, "/" + (f"{sbin}/{name[9:]}" if name.startswith("usr/sbin/") else name))
        for name in _PROGRAMS
    ]
    places.append((f"{_SECURITY}/pam_unix.so", f"{libraries}/security/pam_unix.so"))
    files.programs(parts, places, libraries)
    files.here("/usr/bin/su").chmod(0o4755)
    for path in sorted((parts.root / _SECURITY).glob("pam_*.so")):
        files.copy(path, f"{libraries}/security/{path.name}", 0o755)
    files.link("/usr/bin/sh", "bash")
    files.link(f"/{sbin}/init", "../lib/systemd/systemd")
    units = files.here("/usr/lib/systemd/system")
    shutil.copytree(parts.root / "usr/lib/systemd/system", units, symlinks=True)
    for path in units.glob("ssh*"):
        path.unlink()
    files.folders("/etc/systemd/system/multi-user.target.wants")
    getty = "/usr/lib/systemd/system/getty@.service"
    files.link("/etc/systemd/system/getty.target.wants/getty@tty1.service", getty)
    service = "[Service]\nExecStart=/usr/sbin/sshd -D\n[Install]\nWantedBy=multi-user.target\n"
    files.put("/usr/lib/systemd/system/sshd.service", service)
    wants = "/etc/systemd/system/multi-user.target.wants/sshd.service"
    files.link(wants, "/usr/lib/systemd/system/sshd.service")
    files.put("/etc/machine-id", "5d0c1f3e8a7b4c2d9e6f0a1b2c3d4e5f\n", 0o444)


def remaker(original: str, target: str) -> str:
    """A stand-in for the maker of initramfs images: it copies the one that was kept.

    It refuses where the release that it is called for has no modules. ``target`` and the release
    are words of its command line, by their place: "$3", "$4".
    """
    return (
        "#!/bin/bash\nset -e\n"
        f'for word in "$@"; do [[ -d /usr/lib/modules/$word ]] && known=yes; done\n[[ $known ]]\n'
        f"cp {original} {target}\n"
    )
