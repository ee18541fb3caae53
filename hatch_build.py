"""What a build makes beside copying files: the web console's catalogues, compiled, and its parts.

Also run by the set-up (``python hatch_build.py``), as an editable install uses the same files. The
parts come from the npm registry, as ``package-lock.json`` has them; nothing of theirs is run here.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOT = Path(__file__).parent
_WEB = _ROOT / "src" / "lifebuoy" / "web"
_PARTS = ("htmx.org/dist/htmx.min.js", "htmx-ext-sse/dist/sse.min.js")
_FETCH = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before a wheel, an editable one too, is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make what is to be packed."""
        compile_catalogues()
        gather_parts()
        build_data["artifacts"] += ["src/lifebuoy/web/parts/*", "src/lifebuoy/web/locale/**/*.mo"]


def compile_catalogues() -> None:
    """Make each .mo of its .po."""
    for source in sorted((_WEB / "locale").glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as opened:
            catalogue = read_po(opened, abort_invalid=True)
        with source.with_suffix(".mo").open("wb") as opened:
            write_mo(opened, catalogue)


def gather_parts() -> None:
    """Fetch what pages load, unless it is there, as the lock has it, and put it beside them."""
    lock = (_ROOT / "package-lock.json").read_bytes()
    target = _WEB / "parts"
    stamp = target / "package-lock.json"
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed for the web console's parts: Debian's package npm")
    subprocess.run([npm, *_FETCH], cwd=_ROOT, check=True)
    target.mkdir(exist_ok=True)
    for name in _PARTS:
        shutil.copyfile(_ROOT / "node_modules" / name, target / Path(name).name)
    stamp.write_bytes(lock)


if __name__ == "__main__":
    compile_catalogues()
    gather_parts()
