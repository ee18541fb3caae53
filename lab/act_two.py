"""The demo's second act: libc cut off and grub.cfg gone at once, mended by one `lifebuoy repair`.

Nothing on the disk can run any more, so there is nothing to chroot into. The package that brings
libc back lies in the guest's own cache, as after an upgrade.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from lab import login, packages
from lab.root import PASSWORD
from lab.stage import BOOT_S, NAME, RESCUE_PASSWORD, Stage, apart, told

FAULTS: Final = {"loader-grub-config", "base-libraries"}
_LIBC: Final = "/usr/lib/x86_64-linux-gnu/libc.so.6"
#: The shell's own words at the end: no program can be loaded there any more.
BREAKING: Final = f"""
set -e
rm /boot/grub/grub.cfg
head -c 4096 {_LIBC} >{_LIBC}.cut
chmod 755 {_LIBC}.cut
sync
mv {_LIBC}.cut {_LIBC}
echo s >/proc/sysrq-trigger
"""
_SETTLE_S: Final = 5.0  # until the kernel has written it all


def tell(stage: Stage, base: Path) -> None:
    """The whole act, with the instance running; raises Untrue at a claim that does not hold."""
    stage.head("Second act: libc is cut off and grub.cfg deleted, at once")
    apart(_break, stage, base)
    boot = told(stage, base, "start", NAME, "--watch", str(int(BOOT_S)), "--json")["boot"]
    dead = (boot["verdict"], boot["link"]) == ("does not boot", "boot-loader")
    stage.claim("it does not boot, and the link that broke is named", dead, boot)
    stage.head(f"lifebuoy rescue enter {NAME} --stop hard; lifebuoy repair {NAME}")
    enter = ("rescue", "enter", NAME, "--stop", "hard", "--consent-force", "--password-stdin")
    told(stage, base, *enter, "--json", stdin=RESCUE_PASSWORD + "\n")
    repaired = told(stage, base, "repair", NAME, "--yes", "--json")
    mended = repaired["mended"]
    stage.claim("one repair mends both faults", set(mended) >= FAULTS, mended)
    headline = repaired["report"]["headline"]
    stage.claim("looking again, nothing stops the boot", headline is None, headline)
    stage.head(f"Leaving rescue mode: lifebuoy rescue exit {NAME}")
    left = told(stage, base, "rescue", "exit", NAME, "--json", "--watch", str(int(BOOT_S)))
    stage.claim("it boots again", left["boot"]["verdict"] == "reached login", left["boot"])


def _break(stage: Stage, base: Path) -> None:
    with stage.host() as host:
        domain = host.domain(NAME)
        with login.ssh(domain.forward_ssh(), PASSWORD, timeout_s=60) as client:
            _, out, _ = client.exec_command("cat /var/lib/dpkg/status", timeout=60)
            version = packages.version_of("libc6", out.read().decode())
            folder = base / "packages"
            folder.mkdir(exist_ok=True)
            package = packages.fetch("libc6", version, folder)
            with client.open_sftp() as files:
                files.put(str(package), f"/var/cache/apt/archives/{package.name}")
            stage.say(f"in the guest's package cache: {package.name}")
            stdin, out, err = client.exec_command("sh -s", timeout=60)
            stdin.write(BREAKING)
            stdin.channel.shutdown_write()
            words = (out.read() + err.read()).decode()
            status = out.channel.recv_exit_status()
            stage.claim("both are broken inside it", status == 0, words or "exit status 0")
        time.sleep(_SETTLE_S)
        stage.screenshot(domain, "4-broken-again")
        domain.destroy()
