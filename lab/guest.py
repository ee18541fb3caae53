"""Real guests: Debian installed on a disk in the usual ways, built once and kept as base images."""

from __future__ import annotations

import json
import secrets
import subprocess
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import builder, cache, root, scripts
from lab.layout import History, Layout
from lab.root import Progress
from lifebuoy.errors import BuildFailed

DISK_MIB = 2048
BASE_NAME = "disk.qcow2"
FACTS_NAME = "guest.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is particular to one built guest.

    ``host_key`` is its public SSH host key ("ssh-ed25519 AAAA..."), ``volume_group`` empty
    where it has none.
    """

    layout: Layout
    host_name: str
    machine_id: str
    root_uuid: str
    volume_group: str
    host_key: str


@dataclass(frozen=True, slots=True)
class Guest:
    """A base image, never written again, and the facts of the guest on it."""

    base: Path
    facts: Facts

    @property
    def layout(self) -> Layout:
        """The kind of guest."""
        return self.facts.layout


def get(base: Path, layout: Layout, progress: Progress, history: History = History.FRESH) -> Guest:
    """The guest of this layout, built into the cache ``base`` where it is missing.

    Raises BuildFailed.
    """
    texts = [scripts.read(name) for name in _script_names(layout)]
    entry_key = cache.key(root.key(history), str(DISK_MIB), *texts)

    def build(folder: Path) -> None:
        guest_root = root.get(base, progress, history)
        progress(f"installing the guest '{layout}' ({history})")
        _build(folder, layout, guest_root, progress)

    suffix = "" if history is History.FRESH else f"-{history}"
    folder = cache.keep(base, f"guest-{layout}{suffix}", entry_key, build)
    facts = json.loads((folder / FACTS_NAME).read_text(encoding="utf-8"))
    return Guest(folder / BASE_NAME, Facts(**{**facts, "layout": Layout(facts["layout"])}))


def overlay(base: Path, path: Path) -> Path:
    """A new qcow2 at ``path`` that starts as the base image does and leaves it alone."""
    _qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base.resolve()), str(path))
    return path


def _script_names(layout: Layout) -> tuple[str, ...]:
    return ("builder-init.sh", "builder-main.sh", "common.sh", f"{layout}.sh", "guest.sh")


def _build(folder: Path, layout: Layout, guest_root: root.Root, progress: Progress) -> None:
    disk = folder / BASE_NAME
    _qemu_img("create", "-q", "-f", "qcow2", str(disk), f"{DISK_MIB}M")
    token = secrets.token_hex(4)
    identity = {
        "HOST_NAME": f"lab-{layout}",
        "MACHINE_ID": secrets.token_hex(16),
        "ROOT_UUID": str(uuid.uuid4()),
        "BOOT_UUID": str(uuid.uuid4()),
        "ESP_ID": f"{token[:4]}-{token[4:]}".upper(),
        "VOLUME_GROUP": f"lab{token}" if layout is Layout.LVM else "",
    }
    script = scripts.read(f"{layout}.sh") + scripts.read("guest.sh")
    job = builder.Job(f"install {layout}", disk, script, identity)
    (outcome,) = builder.run(guest_root, [job], progress=progress)
    (folder / "install.log").write_text(outcome.log, encoding="utf-8")
    facts = Facts(
        layout=layout,
        host_name=identity["HOST_NAME"],
        machine_id=identity["MACHINE_ID"],
        root_uuid=identity["ROOT_UUID"],
        volume_group=identity["VOLUME_GROUP"],
        host_key=" ".join(outcome.files["host-key"].decode().split()[:2]),
    )
    (folder / FACTS_NAME).write_text(json.dumps(asdict(facts), indent=2), encoding="utf-8")


def _qemu_img(*arguments: str) -> None:
    done = subprocess.run(
        ["qemu-img", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise BuildFailed(f"qemu-img {arguments[0]}: {done.stderr.strip()}")
