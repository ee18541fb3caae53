"""The owner's own script for ``rescue enter --run``: read, shown before, its output kept."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lifebuoy.cli import output
from lifebuoy.errors import BadInput
from lifebuoy.operations.enter import Entered
from lifebuoy.rescue.markup import parse


@dataclass(frozen=True, slots=True)
class Script:
    """A script as it was read; what was shown is what is run."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Hash of the content, hex."""
        return hashlib.sha256(self.content).hexdigest()


def read(path: Path) -> Script:
    """The script at ``path``.

    Raises:
        BadInput: it cannot be read, or is empty.
    """
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read the script {path}: {error.strerror}") from error
    if not content.strip():
        raise BadInput(f"the script {path} is empty")
    return Script(path.name, content)


def preview(script: Script) -> None:
    """Show what would be run."""
    from rich.syntax import Syntax  # loads a highlighter of all languages

    text = script.content.decode(errors="replace")
    output.note(f"{script.name}, {len(script.content)} bytes, sha256 {script.sha256}:")
    output.err().print(Syntax(_visible(text), "bash", background_color="default"))


def keep(state_dir: Path, entered: Entered, script: Script) -> Path | None:
    """Write what the script printed below ``state_dir``, for its owner's eyes only."""
    done = entered.script
    if done is None:
        return None
    folder = state_dir / "scripts"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]", "_", parse(entered.stay.original).findtext("name") or "instance")
    path = folder / f"{name}-{entered.stay.session}.log"
    head = f"# {script.name} sha256 {script.sha256}\n# exit status {done.status}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(head.encode() + b"# standard output\n" + done.stdout)
        file.write(b"\n# standard error\n" + done.stderr)
    return path


def _visible(text: str) -> str:
    """The text without control characters: what is shown must be what is run."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
