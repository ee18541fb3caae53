"""The whole story on one real guest, each claim printed with what was observed.

A BIOS guest runs on an embedded libvirt in a folder of its own; its GRUB files are deleted; it is
seen not to boot; `lifebuoy rescue enter` with consent; over SSH, with the rescue password, the
commands an administrator types; `lifebuoy rescue exit`; it boots, and everything is as it was.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab import definition, guest, images, login
from lab.breakage import registry
from lab.layout import Layout
from lab.root import PASSWORD
from lifebuoy.errors import LifebuoyError
from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.model import StopMode
from lifebuoy.operations.boot import plain
from lifebuoy.operations.stopping import stop

NAME: Final = "demo"
RESCUE_PASSWORD: Final = "Rescue-Me-2026"
BOOT_S: Final = 150.0

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


class Untrue(Exception):
    """A claim of the demo that does not hold."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What every part of the story needs; ``began`` is time.monotonic() at its start."""

    root: Path
    output: Path
    began: float

    @property
    def uri(self) -> str:
        """The embedded libvirt of this run."""
        return f"qemu:///embed?root={self.root}/libvirt"

    @contextmanager
    def host(self) -> Iterator[Host]:
        """A connection for one part of the story."""
        with connect(self.uri, state_dir=self.root) as host:
            yield host

    def head(self, text: str) -> None:
        """Begin a chapter."""
        print(f"\n== {text}", flush=True)

    def say(self, text: str) -> None:
        """Tell a fact."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def claim(self, claim: str, holds: bool, observed: object) -> None:
        """Tell a claim and what was observed; raises Untrue where it does not hold."""
        self.say(f"{'holds' if holds else 'FAILS'}: {claim}   [{str(observed).strip()}]")
        if not holds:
            raise Untrue(claim)

    def screenshot(self, domain: Domain, name: str) -> None:
        """Save what the machine shows."""
        path = self.output / f"{name}.png"
        path.write_bytes(domain.screenshot_png())
        self.say(f"screen saved: {path}")


def tell(stage: Stage, base: Path) -> None:
    """The whole story; raises Untrue at the first claim that does not hold."""
    stage.head("Preparing: the rescue image and a guest, built once and kept")
    built = _prepare(stage, base)
    disk = guest.overlay(built.base, stage.root / "disk.qcow2")
    before = _apart(_live_and_break, stage, disk)
    stage.head(f"Entering rescue mode: lifebuoy rescue enter {NAME} --consent-force")
    access = _enter(stage, base)
    _apart(_see_rescue, stage)
    stage.head("Repairing over SSH, with the rescue password, as one types it")
    _repair(stage, access)
    stage.head(f"Leaving rescue mode: lifebuoy rescue exit {NAME}")
    left = _cli(stage, base, "rescue", "exit", NAME, "--json", "--watch", str(int(BOOT_S)))
    stage.claim("it boots again by itself", left["boot"]["verdict"] == "reached login", left)
    _apart(_as_before, stage, before)
    stage.head(f"Every claim holds. Screens: {stage.output}/*.png")


def _apart(part: Callable[..., Any], stage: Stage, *arguments: object) -> Any:
    """Run a part in a process of its own: an embedded libvirt serves one process at a time, and
    lets go of its folder only when that ends. The guest lives on."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_guarded, (part, stage, *arguments))


def _guarded(part: Callable[..., Any], stage: Stage, *arguments: object) -> Any:
    try:
        return part(stage, *arguments)
    except LifebuoyError as error:  # some of them cannot travel between processes
        raise Untrue(f"{error.message} {error.hint}") from None


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
    entered = _cli(
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


def _as_before(stage: Stage, before: str) -> None:
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
        stage.screenshot(domain, "3-repaired")
        left = [file.name for file in host.store.list()]
        only_image = all(name.startswith("rescue-") for name in left)
        stage.claim("no seed, lock or other medium of the stay is left", only_image, left)


def _cli(stage: Stage, base: Path, *words: str, stdin: str = "") -> dict[str, Any]:
    command = [sys.executable, "-m", "lifebuoy", "--connect", stage.uri, *words]
    done = subprocess.run(
        command,
        input=stdin,
        stdout=subprocess.PIPE,
        text=True,
        timeout=400,
        check=False,
        env=images.environment(base),
    )
    if done.returncode != 0:
        raise Untrue(f"{' '.join(words)} failed ({done.returncode}): {done.stdout}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


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
            _apart(_stop_guest, stage)
        shutil.rmtree(root, ignore_errors=True)
    return 0
