"""sshd_config: lines that keep sshd from starting."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import PutFile
from ..formats import sshdconfig
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "network-sshd-config"
LINK = Link.NETWORK
TITLE = "sshd's configuration has only lines that it takes"
READS = "/etc/ssh/sshd_config, /etc/ssh/sshd_config.d/*.conf"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
PATH = "/etc/ssh/sshd_config"


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each file with such lines."""
    tree = patient.files
    if not tree.exists("/usr/sbin/sshd"):
        return
    text = tree.text(PATH)
    if text is None:
        if not tree.exists("/usr/etc/ssh/sshd_config"):
            yield _missing()
        return
    paths = [PATH] + [
        f"{PATH}.d/{name}" for name in tree.names(f"{PATH}.d") if name.endswith(".conf")
    ]
    for path in paths:
        text = tree.text(path) or ""
        wrong = sshdconfig.faults(text)
        if wrong:
            yield _wrong(path, text, wrong)


def _missing() -> Finding:
    text = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nSubsystem sftp internal-sftp\n"
    return Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"{PATH} is missing",
        "sshd does not start without it.",
        (Evidence(PATH, "a file", "missing"),),
        Repair("write a plain one", (PutFile(PATH, text.encode()),)),
    )


def _wrong(path: str, text: str, wrong: list[sshdconfig.Fault]) -> Finding:
    numbers = {fault.number for fault in wrong}
    lines = [
        f"# disabled by Lifebuoy's doctor, sshd does not take it: {line}" if at in numbers else line
        for at, line in enumerate(text.split("\n"), 1)
    ]
    data = "\n".join(lines).encode("utf-8", "surrogateescape")
    return Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"{path} line {wrong[0].number} has {wrong[0].why}: {wrong[0].text}",
        "sshd does not start, so nobody comes in over the network.",
        tuple(
            Evidence(f"{path} line {one.number}", "a line sshd takes", one.text) for one in wrong
        ),
        Repair("make the lines comments", (PutFile(path, data, beside=True),)),
        ("chroot the root, then: sshd -t",),
    )
