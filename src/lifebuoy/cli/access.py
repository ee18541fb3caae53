"""How to get into an instance in rescue mode, in words."""

from __future__ import annotations

import shlex

from lifebuoy.cli import output
from lifebuoy.cli.session import Session
from lifebuoy.rescue.access import BY_HAND, Access, ssh_words


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
        *(f"  {line}" for line in BY_HAND),
        "",
        "When it is repaired, leave: " + session.command("rescue", "exit", where),
    )
