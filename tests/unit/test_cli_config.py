"""Which libvirt is used: the flag beats the environment, which beats the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifebuoy.config import choose, read
from lifebuoy.errors import BadInput


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('connect = "qemu:///from-file"\n')
    return path


def test_the_flag_beats_the_environment_beats_the_file(file: Path, tmp_path: Path) -> None:
    environment = {"LIFEBUOY_CONNECT": "qemu:///from-env"}
    assert choose("qemu:///from-flag", environment, file).uri == "qemu:///from-flag"
    assert choose(None, environment, file).uri == "qemu:///from-env"
    assert choose(None, {}, file).uri == "qemu:///from-file"
    assert choose(None, {}, tmp_path / "none.toml").uri is None


def test_a_broken_file_can_be_got_around(file: Path) -> None:
    file.write_text("connect = [")
    assert choose("qemu:///system", {}, file).uri == "qemu:///system"
    with pytest.raises(BadInput, match="not TOML"):
        choose(None, {}, file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('conect = "qemu:///system"', "unknown key 'conect'"),
        ("connect = 7", "must be a text"),
        ('connect = ""', "must be a text"),
        ("[connect]", "must be a text"),
    ],
)
def test_what_the_file_must_not_say_is_refused(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(BadInput, match=words) as caught:
        read(file)
    assert caught.value.hint


def test_a_misspelt_key_is_recognised(file: Path) -> None:
    file.write_text('conect = "qemu:///system"')
    with pytest.raises(BadInput) as caught:
        read(file)
    assert "did you mean 'connect'?" in caught.value.hint
