"""The command line: words, prompts and tables around the operations. No decisions of its own."""

from __future__ import annotations

from lifebuoy.cli.app import app


def main() -> None:
    """Entry point of the ``lifebuoy`` command."""
    app(prog_name="lifebuoy")


__all__ = ["app", "main"]
