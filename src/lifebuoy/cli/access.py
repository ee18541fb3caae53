"""How to get into an instance in rescue mode, in words and as JSON."""

from __future__ import annotations

import shlex

from lifebuoy.cli import output
from lifebuoy.cli.session import Session
from lifebuoy.rescue.access import Access

_BY_HAND = (
    "mkdir -p /mnt/vm1",
    "mount /dev/vda1 /mnt/vm1",
    "for d in dev dev/pts proc run sys; do mount -o bind /$d /mnt/vm1/$d; done",
    "chroot /mnt/vm1 /bin/bash",
)


def ssh_words(access: Access) -> list[str]:
    """The plain ssh command; [] while no address is known."""
    if access.ssh_host is None:
        return []
    port = ["-p", str(access.ssh_port)] if access.ssh_port not in (None, 22) else []
    jump = access.via.jump() if access.via else []
    return ["ssh", *jump, *port, f"{access.user}@{access.ssh_host}"]


def as_json(access: Access) -> dict[str, object]:
    """The documented shape: docs/schema, "access"."""
    words = ssh_words(access)
    return {
        "user": access.user,
        "ssh_host": access.ssh_host,
        "ssh_port": access.ssh_port,
        "ssh_command": shlex.join(words) if words else None,
        "via": access.via.destination if access.via else None,
        "host_key": access.host_key,
        "fingerprint": access.fingerprint,
        "vnc": access.vnc,
        "serial": access.serial,
    }


def rows(session: Session, name: str, access: Access) -> list[tuple[str, object]]:
    """The ways in, as lines for a human."""
    words, name = ssh_words(access), session.address(name)
    plain = shlex.join(words) if words else "no address is known yet"
    ours = session.command("ssh", name) + f"   (user {access.user})"
    return [
        ("log in", "" if access.obstacle else ours),
        ("plain ssh", f"on the host: {plain}" if access.obstacle else plain),
        ("host key", access.fingerprint),
        ("screen", session.command("vnc", name) + f"   ({access.vnc})" if access.vnc else ""),
        ("serial", session.command("console", name) if access.serial else ""),
    ]


def what_next(session: Session, name: str) -> None:
    """How to find the fault, what to type once inside, and how to leave."""
    where = session.address(name)
    output.say(
        "",
        "Why it does not boot: " + session.command("doctor", where),
        "Mend that:            " + session.command("repair", where),
        "In the rescue system nothing of the instance is mounted. Its disks have their own names:",
        "  system-mount            finds the root, mounts it on /mnt/vm1 with all it needs",
        "  system-chroot           goes into it; system-umount takes all apart again",
        "or by hand:",
        *(f"  {line}" for line in _BY_HAND),
        "",
        "When it is repaired, leave: " + session.command("rescue", "exit", where),
    )
