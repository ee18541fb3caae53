"""The documentation holds together: links lead somewhere, commands exist, both READMEs agree."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from lab.breakage import registry
from lab.cache import folder as cache_folder
from lifebuoy.cli.app import app

PROJECT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md")
    for path in PROJECT.glob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(PROJECT).parts)
)
READMES: Final = (PROJECT / "README.md", PROJECT / "README.zh-CN.md")

_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
_ABSOLUTE: Final = re.compile(r"(?<![\w.~:/})])/([a-z]+)/(?=\w)")
#: Folders that every Linux has; others are of one machine alone.
_EVERYWHERE: Final = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib64", "mnt", "proc", "run", "sbin", "sys", "tmp", "usr"}
    | {"opt", "var"}
)


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text("utf-8"))
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} is not there"
        assert found.is_relative_to(PROJECT), f"{target} is outside the project"
        if anchor:
            headings = _HEADING.findall(found.read_text("utf-8"))
            assert anchor in {slug(heading) for heading in headings}, f"no heading for {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_named_exists(page: Path) -> None:
    for line in commands_in(page.read_text("utf-8")):
        words = shlex.split(line, comments=True)[1:]
        assert resolves(typer.main.get_command(app), words), line


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_the_targets_of_make_that_a_readme_names_exist(readme: Path) -> None:
    named = set(re.findall(r"^make ([a-z-]+)", readme.read_text("utf-8"), re.MULTILINE))
    defined = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert named and named <= defined


def test_both_readmes_give_the_same_commands_links_and_sections() -> None:
    english, chinese = (readme.read_text("utf-8") for readme in READMES)
    assert [typed(block) for block in _BLOCK.findall(english)] == [
        typed(block) for block in _BLOCK.findall(chinese)
    ]
    links = [set(_LINK.findall(text)) - {r.name for r in READMES} for text in (english, chinese)]
    assert links[0] == links[1]
    assert len(_HEADING.findall(_BLOCK.sub("", english))) == len(
        _HEADING.findall(_BLOCK.sub("", chinese))
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_folders_of_one_machine(page: Path) -> None:
    assert set(_ABSOLUTE.findall(page.read_text("utf-8"))) <= _EVERYWHERE


def test_every_decision_is_listed_with_its_title() -> None:
    folder = PROJECT / "docs" / "decisions"
    listed = (folder / "README.md").read_text("utf-8")
    pages = sorted(folder.glob("[0-9]*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    for page in pages:
        title = page.read_text("utf-8").partition("\n")[0]
        assert title.startswith(f"# {page.name[:4]}: ")
        assert f"| [{page.name[:4]}]({page.name}) | {title.partition(': ')[2]}" in listed


def test_what_contributing_says_of_the_lab_is_so() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    for name in re.findall(r"lab break (\w+)", text):
        assert name in registry()
    kept = cache_folder({"HOME": "/somebody"})
    assert f"~/{kept.relative_to('/somebody')}" in text


def test_the_packages_to_install_are_known_to_the_setup() -> None:
    """What the README tells a user of Debian to install is what the developers' set-up installs."""
    listed = (PROJECT / "debian-packages.txt").read_text().split()
    command = re.search(
        r"apt-get install (python3-venv(?:.*\\\n)*.*)$", READMES[0].read_text(), re.M
    )
    assert command
    assert set(command[1].replace("\\\n", " ").split()) <= set(listed)


def commands_in(text: str) -> Iterator[str]:
    """Commands of ours in blocks and between backticks, without what leads up to them."""
    blocks = "\n".join(_BLOCK.findall(text))
    rest = _INLINE.findall(_BLOCK.sub("", text))
    for line in [*blocks.splitlines(), *rest]:
        found = re.search(r"(?:^|\|\s*|^\s*)(lifebuoy [^|]*)", line)
        if found and "COMMAND" not in line:
            yield found[1].replace("...", "")


def resolves(command: Any, words: list[str]) -> bool:
    """Whether the words name a command of ours, and each option is one that it has."""
    options = option_names(command)
    while words:
        word = words.pop(0)
        if word == "--":
            return True
        if word.startswith("-"):
            if word.partition("=")[0] not in options:
                return False
            if options[word.partition("=")[0]] and "=" not in word and words:
                words.pop(0)
        elif commands := getattr(command, "commands", None):
            if word not in commands:
                return False
            command = commands[word]
            options = option_names(command)
    return True


def option_names(command: Any) -> dict[str, bool]:
    """Its options, and whether each takes a value."""
    found = {"--help": False, "-h": False}
    for parameter in command.params:
        if parameter.param_type_name == "option":
            takes = not (parameter.is_flag or parameter.count)
            found |= dict.fromkeys([*parameter.opts, *parameter.secondary_opts], takes)
    return found


def typed(block: str) -> list[str]:
    """What one types of a block: without comments, and indented lines as they are."""
    lines = (re.sub(r"\s+#\s.*$", "", line).rstrip() for line in block.splitlines())
    return [line for line in lines if line]


def slug(heading: str) -> str:
    """The anchor that code hosts make of a heading."""
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return plain.replace(" ", "-")
