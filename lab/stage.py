"""What the acts of the demo share: their folder and libvirt, claims, commands."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab import images
from lifebuoy.errors import LifebuoyError
from lifebuoy.hypervisor import Domain, Host, connect

NAME: Final = "demo"
RESCUE_PASSWORD: Final = "Rescue-Me-2026"
BOOT_S: Final = 150.0


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


def apart(part: Callable[..., Any], stage: Stage, *arguments: object) -> Any:
    """Run a part in a process of its own: an embedded libvirt serves one process at a time, and
    lets go of its folder only when that ends. The guest lives on."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_guarded, (part, stage, *arguments))


def _guarded(part: Callable[..., Any], stage: Stage, *arguments: object) -> Any:
    try:
        return part(stage, *arguments)
    except LifebuoyError as error:  # some of them cannot travel between processes
        raise Untrue(f"{error.message} {error.hint}") from None


def told(stage: Stage, base: Path, *words: str, stdin: str = "") -> dict[str, Any]:
    """What a `lifebuoy` command tells as JSON; raises Untrue where it fails."""
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
