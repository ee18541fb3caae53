"""The shell scripts that run inside the guest root and the builder, by name."""

from __future__ import annotations

from importlib.resources import files


def read(name: str) -> str:
    """The text of one script of this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
