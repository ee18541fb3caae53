"""The lab's command line: build a guest or a shape, break a guest, see whether a disk boots."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import boot, breaking, cache, demo, demo_web, guest, native, root, shapes
from lab.breakage import registry
from lab.layout import Firmware, Layout
from lab.root import Progress
from lab.shapes import Shape
from lifebuoy.errors import Cancelled, LifebuoyError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is that of Lifebuoy's errors."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    base = cache.folder(os.environ)
    try:
        if options.command == "build":
            return _build(base, options.layout, options.disk, _progress())
        if options.command == "break":
            return _break(base, options.name, options.disk, _progress())
        if options.command == "boot":
            return _boot(options.disk, options.firmware, options.timeout)
        if options.command == "shape":
            return _shape(base, options.name, options.disk, _progress())
        if options.command == "demo":
            return demo.run(base, options.output)
        if options.command == "demo-web":
            return demo_web.run(base, options.listen)
        return _list()
    except LifebuoyError as error:
        print(f"error: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("stopped; nothing half-made was kept", file=sys.stderr)
        return Cancelled.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build a guest, or find it in the cache")
    build.add_argument("layout", type=Layout, choices=list(Layout))
    build.add_argument("--disk", type=Path, help="also make a disk for it here (qcow2 overlay)")
    break_ = commands.add_parser("break", help="break the guest on a disk")
    break_.add_argument("name", choices=list(registry()))
    break_.add_argument("disk", type=Path)
    shape_ = commands.add_parser("shape", help="lay out a disk as another distribution does")
    shape_.add_argument("name", type=Shape, choices=list(Shape))
    shape_.add_argument("disk", type=Path, help="made here, a raw image that does not boot")
    boot_ = commands.add_parser("boot", help="boot a disk and try its login")
    boot_.add_argument("disk", type=Path)
    boot_.add_argument("--firmware", type=Firmware, choices=list(Firmware), default=Firmware.BIOS)
    boot_.add_argument("--timeout", type=float, default=120, metavar="SECONDS")
    demo_ = commands.add_parser("demo", help="tell the whole story of a rescue, on a real guest")
    demo_.add_argument("--output", type=Path, default=Path("demo-output"), help="for screenshots")
    web = commands.add_parser("demo-web", help="serve the web console with a broken guest")
    web.add_argument("--listen", default="127.0.0.1:8765", metavar="HOST:PORT")
    commands.add_parser("list", help="list the breakages")
    return parser


def _progress() -> Progress:
    start = time.monotonic()

    def show(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    return show


def _build(base: Path, layout: Layout, disk: Path | None, progress: Progress) -> int:
    built = guest.get(base, layout, progress)
    print(guest.overlay(built.base, disk) if disk else built.base)
    return 0


def _shape(base: Path, shape: Shape, disk: Path, progress: Progress) -> int:
    print(native.sparse_copy(shapes.get(base, shape, progress), disk))
    return 0


def _break(base: Path, name: str, disk: Path, progress: Progress) -> int:
    breaking.apply(root.get(base, progress), [breaking.Order(name, disk)], progress)
    return 0


def _boot(disk: Path, firmware: Firmware, timeout_s: float) -> int:
    seen = boot.to_login(disk, firmware, timeout_s=timeout_s)
    print(f"{seen.verdict} after {seen.seconds:.1f} s; last seen:\n{seen.last_seen}")
    return 0 if seen.accepted else 1


def _list() -> int:
    for name, breakage in registry().items():
        print(f"{name:24} {', '.join(sorted(breakage.layouts)):15} {breakage.description}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
