"""Writes docs/cli.md from the commands themselves: ``python -m lifebuoy.cli.reference``.

A test compares the file with this, so that the reference is what ``--help`` says.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from lifebuoy.cli.app import app

_HEAD = """# Command line

What `--help` says, in one page. Made by `python -m lifebuoy.cli.reference > docs/cli.md`; do not
edit it by hand. The shapes of `--json` and the exit statuses are in [json.md](json.md).

Shell completion, of the names of instances and images too: `lifebuoy --install-completion`.
"""


def page() -> str:
    """The whole page, Markdown."""
    root: Any = typer.main.get_command(app)
    parts = [_HEAD, *(_section(words, command) for words, command in _walk(["lifebuoy"], root))]
    return "\n".join(parts)


def _walk(words: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk([*words, name], child)


def _section(words: list[str], command: Any) -> str:
    parameters = [one for one in command.params if not getattr(one, "hidden", False)]
    lines = [f"## {' '.join(words)}", "", _reflow(command.help), ""]
    if not hasattr(command, "commands"):
        arguments = [_metavar(one) for one in parameters if one.param_type_name == "argument"]
        lines += [f"`{' '.join([*words, '[OPTIONS]', *arguments])}`", ""]
    lines += [_item(one) for one in parameters if getattr(one, "help", None)]
    lines += ["", *_examples(command.epilog or "")]
    return "\n".join(lines).rstrip() + "\n"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _item(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"- `{_metavar(parameter)}`: {parameter.help}"
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    value = parameter.metavar
    default = ""
    if isinstance(parameter.default, int | float | str) and not parameter.is_flag:
        default = f" Default: {parameter.default}."
    return f"- {names}{f' `{value}`' if value else ''}: {parameter.help}{default}"


def _examples(epilog: str) -> Iterator[str]:
    """Paragraphs; command lines among them as one code block each run."""
    code = False
    for paragraph in filter(None, (part.strip() for part in epilog.split("\n\n"))):
        words, dollar, line = paragraph.partition("$ ")
        if dollar and words.strip():  # 'Example: $ lifebuoy ...'
            yield words.strip()
        is_code = bool(dollar)
        if is_code != code:
            yield "```sh" if is_code else "```\n"
            code = is_code
        yield line if is_code else _reflow(paragraph)
    if code:
        yield "```"


def _reflow(text: str | None) -> str:
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


if __name__ == "__main__":
    sys.stdout.write(page())
