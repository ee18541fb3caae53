"""What a build makes beside copying files: the web console's catalogues, compiled, and its parts.

Also run by the set-up (``python hatch_build.py``), as an editable install uses the same files. The
parts come from npm, as ``package-lock.json`` has them: ``npm ci`` comes first.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOT = Path(__file__).parent
_WEB = _ROOT / "src" / "lifebuoy" / "web"
_PARTS = ("htmx.org/dist/htmx.min.js", "htmx-ext-sse/dist/sse.min.js")


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before a wheel, an editable one too, is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make what is to be packed; a wheel without its parts is refused."""
        compile_catalogues()
        have = gather_parts()
        if not have and version != "editable":
            raise RuntimeError("the web console's parts are missing: run npm ci first")
        build_data["artifacts"] += ["src/lifebuoy/web/parts/*", "src/lifebuoy/web/locale/**/*.mo"]


def compile_catalogues() -> None:
    """Make each .mo of its .po."""
    for source in sorted((_WEB / "locale").glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as opened:
            catalogue = read_po(opened, abort_invalid=True)
        with source.with_suffix(".mo").open("wb") as opened:
            write_mo(opened, catalogue)


def gather_parts() -> bool:
    """Copy what pages load to where they find it; False where neither place has it."""
    target = _WEB / "parts"
    target.mkdir(exist_ok=True)
    for name in _PARTS:
        source, copy = _ROOT / "node_modules" / name, target / Path(name).name
        if source.exists():
            shutil.copyfile(source, copy)
        elif not copy.exists():
            return False
    return True


if __name__ == "__main__":
    compile_catalogues()
    if not gather_parts():
        raise SystemExit("the web console's parts are missing: run npm ci first")
