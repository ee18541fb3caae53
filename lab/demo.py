"""The whole story on one real guest, each claim printed with what was observed.

A BIOS guest runs on an embedded libvirt in a folder of its own; its GRUB files are deleted; it is
seen not to boot; `lifebuoy rescue enter` with consent; over SSH, with the rescue password, the
commands an administrator types; `lifebuoy rescue exit`; it boots, and everything is as it was. Then
``act_two``: what no command of its own could mend, mended by one `lifebuoy repair`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from lab import act_two, definition, guest, images, login
from lab.breakage import registry
from lab.layout import Layout
from lab.root import PASSWORD
from lab.stage import BOOT_S, NAME, RESCUE_PASSWORD, Stage, Untrue, apart, told
from lifebuoy.errors import LifebuoyError
from lifebuoy.hypervisor import Domain
from lifebuoy.model import StopMode
from lifebuoy.operations.boot import plain
from lifebuoy.operations.stopping import stop

#: What the owner types in the rescue system: behaviour as documented, then GRUB's own repair.
TYPED: Final = """\
mkdir -p /mnt/vm1
mount /dev/vda1 /mnt/vm1
mount -o bind /dev /mnt/vm1/dev
mount -o bind /dev/pts /mnt/vm1/dev/pts
mount -o bind /proc /mnt/vm1/proc
mount -o bind /run /mnt/vm1/run
mount -o bind /sys /mnt/vm1/sys
chroot /mnt/vm1 /bin/bash
grub-install /dev/vda
update-grub
exit
"""


def tell(stage: Stage, base: Path) -> None:
    """The whole story; raises Untrue at the first claim that does not hold."""
    stage.head("Preparing: the rescue image and a guest, built once and kept")
    built = _prepare(stage, base)
    disk = guest.overlay(built.base, stage.root / "disk.qcow2")
    before = apart(_live_and_break, stage, disk)
    stage.head(f"Entering rescue mode: lifebuoy rescue enter {NAME} --consent-force")
    access = _enter(stage, base)
    apart(_see_rescue, stage)
    stage.head("Repairing over SSH, with the rescue password, as one types it")
    _repair(stage, access)
    stage.head(f"Leaving rescue mode: lifebuoy rescue exit {NAME}")
    left = told(stage, base, "rescue", "exit", NAME, "--json", "--watch", str(int(BOOT_S)))
    stage.claim("it boots again by itself", left["boot"]["verdict"] == "reached login", left)
    apart(as_before, stage, before, "3-repaired")
    act_two.tell(stage, base)
    apart(as_before, stage, before, "5-repaired-again")
    stage.head(f"Every claim holds. Screens: {stage.output}/*.png")


def _prepare(stage: Stage, base: Path) -> guest.Guest:
    with ThreadPoolExecutor(2) as pool:
        image = pool.submit(images.get, base, stage.say)
        built = guest.get(base, Layout.BIOS, stage.say)
        stage.say(f"ready: {image.result()}, {built.base}")
    return built


def _live_and_break(stage: Stage, disk: Path) -> str:
    """A healthy guest, broken from inside; returns its definition."""
    with stage.host() as host:
        xml = definition.domain_xml(Layout.BIOS, disk, name=NAME, uuid=str(uuid.uuid4()))
        domain = host.define(host.define(xml).xml(secure=True))
        stage.head("A healthy guest runs")
        domain.start(paused=True)
        with domain.open_serial() as serial:
            domain.resume()
            seen = login.on_serial(serial, PASSWORD, timeout_s=BOOT_S)
        claim = "the guest boots to a login that accepts its password"
        stage.claim(claim, seen.accepted, f"{seen.verdict}, on the serial console")
        _break(stage, domain)
        stage.head("It does not boot any more")
        domain.start(paused=True)
        with domain.open_serial() as serial:
            domain.resume()
            said = serial.read_until(b"grub rescue>", timeout_s=60)
        shown = plain(said).decode(errors="replace").split("\n")[-3:]
        stage.claim("it stops at GRUB's rescue prompt", b"grub rescue>" in said, shown)
        stage.screenshot(domain, "1-broken")
        return domain.xml(secure=True)


def _break(stage: Stage, domain: Domain) -> None:
    with login.ssh(domain.forward_ssh(), PASSWORD, timeout_s=60) as client:
        stdin, out, err = client.exec_command("sh -s", timeout=60)
        stdin.write(registry()["grub_files_gone"].live_script())
        stdin.channel.shutdown_write()
        words = (out.read() + err.read()).decode()
        status = out.channel.recv_exit_status()
    stage.claim("GRUB's files are deleted inside it", status == 0, words or "exit status 0")
    stage.say(stop(domain, StopMode.SOFT_FIRST, 40))


def _enter(stage: Stage, base: Path) -> dict[str, Any]:
    entered = told(
        *(stage, base, "rescue", "enter", NAME, "--consent-force", "--stop-timeout", "3"),
        *("--password-stdin", "--json"),
        stdin=RESCUE_PASSWORD + "\n",
    )
    access: dict[str, Any] = entered["access"]
    stage.claim(
        "the rescue system lets root in with the rescue password",
        entered["seen"]["ssh"],
        f"{access['ssh_host']}:{access['ssh_port']}, host key {access['fingerprint']}",
    )
    return access


def _see_rescue(stage: Stage) -> None:
    with stage.host() as host:
        stage.screenshot(host.domain(NAME), "2-rescue")


def _repair(stage: Stage, access: dict[str, Any]) -> None:
    with login.ssh(
        access["ssh_port"], RESCUE_PASSWORD, timeout_s=30, host_key=access["host_key"]
    ) as client:
        _, out, _ = client.exec_command("findmnt -rn /dev/vda1; lsblk -rno NAME /dev/vda")
        names = out.read().decode().split()
        stage.claim("its disk is /dev/vda, nothing is mounted", names == ["vda", "vda1"], names)
        stdin, out, err = client.exec_command("bash -e -s", timeout=240)
        stdin.write(TYPED)
        stdin.channel.shutdown_write()
        words = (out.read() + err.read()).decode()
        status = out.channel.recv_exit_status()
    for line in TYPED.splitlines():
        stage.say(f"# {line}")
    done = status == 0 and "No error reported" in words
    stage.claim("grub-install and update-grub report success", done, words.splitlines()[-1:])


def as_before(stage: Stage, before: str, screen: str) -> None:
    """The instance runs, is defined as before, and knows its own password only."""
    with stage.host() as host:
        domain = host.domain(NAME)
        stage.claim("it runs, as it did before", domain.active, domain.run_state())
        same = domain.xml(secure=True) == before
        stage.claim("its definition is identical, byte for byte", same, f"{len(before)} bytes")
        port = domain.forward_ssh()
        own = login.over_ssh(port, PASSWORD, timeout_s=60)
        stage.claim("its own password works", own.accepted, own.verdict)
        other = login.over_ssh(port, RESCUE_PASSWORD, timeout_s=60)
        refused = other.verdict is login.Verdict.REFUSED
        stage.claim("the rescue password does not", refused, other.verdict)
        domain.remove_forward(port)
        stage.screenshot(domain, screen)
        left = [file.name for file in host.store.list()]
        only_image = all(name.startswith("rescue-") for name in left)
        stage.claim("no seed, lock or other medium of the stay is left", only_image, left)


def _stop_guest(stage: Stage) -> None:
    with stage.host() as host:
        if any(domain.name == NAME for domain in host.domains()):
            host.domain(NAME).destroy()


def run(base: Path, output: Path) -> int:
    """Run the demo; 0 when every claim holds, else 1. Its guest and folder are gone afterwards."""
    output.mkdir(exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="lifebuoy-demo-", dir="/tmp"))
    stage = Stage(root, output, time.monotonic())
    try:
        tell(stage, base)
    except (Untrue, LifebuoyError, TimeoutError) as error:
        print(f"\nThe demo FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        if (root / "libvirt").exists():
            apart(_stop_guest, stage)
        shutil.rmtree(root, ignore_errors=True)
    return 0
