"""The command line teaches itself: every command says what it does, with an example."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from lifebuoy import __version__
from lifebuoy.cli import app
from lifebuoy.cli.commands import MODULES
from lifebuoy.cli.reference import page

DOCS = Path(__file__).parents[2] / "docs"


def commands(words: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands([*words, name], child)


ALL = list(commands([], typer.main.get_command(app)))
LEAVES = [(words, one) for words, one in ALL if not hasattr(one, "commands")]


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_help_teaches_and_has_an_example(words: list[str], command: Any) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert " ".join(["$ lifebuoy", *words]) in result.output
    assert command.help and command.help.strip().endswith((".", "!"))
    for parameter in command.params:
        assert getattr(parameter, "help", ""), f"{words}: {parameter.name} has no help"


def test_what_tells_something_can_tell_it_as_json() -> None:
    without = {words[-1] for words, one in LEAVES if "json" not in {p.name for p in one.params}}
    assert without == {"console", "ssh"}


def test_the_reference_is_what_help_says() -> None:
    assert (DOCS / "cli.md").read_text() == page(), "python -m lifebuoy.cli.reference > docs/cli.md"


def test_every_schema_is_documented_and_every_documented_one_is_there() -> None:
    named = set(re.findall(r"\(schema/([\w-]+\.json)\)", (DOCS / "json.md").read_text()))
    assert named == {path.name for path in (DOCS / "schema").iterdir()}


def test_no_option_takes_a_password_on_the_command_line() -> None:
    for words, command in LEAVES:
        for parameter in command.params:
            if "password" in parameter.name and words[-1] != parameter.name:
                assert parameter.is_flag, f"{words}: {parameter.name} takes a value"


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output.strip()) == (0, f"lifebuoy {__version__}")


def test_a_plain_command_loads_no_library_that_it_does_not_use() -> None:
    heavy = {
        "cryptography",
        "dbos",
        "paramiko",
        "passlib",
        "pycdlib",
        "sqlalchemy",
        "tomlkit",
    }
    script = f"import sys, lifebuoy.cli.app; print({heavy} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_no_command_of_a_module_is_left_out() -> None:
    for module in set(MODULES.values()):
        found = import_module(f"lifebuoy.cli.{module}")
        if hasattr(found, "app"):
            continue
        around = typer.Typer()
        found.register(around)
        names = [one.name for one in around.registered_commands]
        assert names == [name for name, its in MODULES.items() if its == module]


def test_a_command_loads_none_of_the_others() -> None:
    script = (
        "import sys; from lifebuoy.cli import main\n"
        "try: main()\n"
        "finally: print([one for one in sys.modules if one in "
        "('sqlalchemy', 'lifebuoy.cli.serve', 'lifebuoy.cli.doctor', 'lifebuoy.doctor.report')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[1:] == ["[]"], done.stdout
