"""The table of real-world definitions: ``definitions/*.xml`` can be rescued, ``refused/`` not."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "definitions"

POSSIBLE = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.xml"))}
REFUSED = {
    path.stem: path.read_text("utf-8") for path in sorted((FOLDER / "refused").glob("*.xml"))
}
