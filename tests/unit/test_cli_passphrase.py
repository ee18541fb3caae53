"""The passphrase of encrypted disks: how it is given, and that a repair without it says so."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lifebuoy.cli import ask
from lifebuoy.errors import BadInput, HostTrouble
from lifebuoy.operations import repair
from lifebuoy.operations.operation import Work


def given(*, prompt: bool = False, file: Path | None = None) -> bytes:
    return ask.passphrase_given(prompt=prompt, file=file)


def test_the_first_line_of_a_file_or_of_standard_input_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "word"
    path.write_bytes(b" \xff not UTF-8 \nsecond line\n")
    assert given(file=path) == b" \xff not UTF-8 "
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"piped in\nmore\n")))
    assert given(file=Path("-")) == b"piped in"
    assert given() == b""


def test_what_is_no_passphrase_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "word"
    path.write_bytes(b"\n")
    with pytest.raises(BadInput, match="empty"):
        given(file=path)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(BadInput, match="no passphrase") as caught:
        given(file=path)
    assert "xx" not in caught.value.message
    with pytest.raises(BadInput, match="No such file"):
        given(file=tmp_path / "missing")
    with pytest.raises(BadInput, match="exclude"):
        given(prompt=True, file=path)
    monkeypatch.setattr("lifebuoy.cli.output.interactive", lambda: False)
    with pytest.raises(BadInput) as refused:
        given(prompt=True)
    assert "--passphrase-file" in refused.value.hint


def work(secret: object | None) -> Work:
    domain = SimpleNamespace(name="web1")
    context: Any = SimpleNamespace(host=SimpleNamespace(domain=lambda name: domain))
    request = repair.packed(repair.RepairRequest(encrypted=True))
    assert "open" not in repr(request)
    return Work(context, "uuid", request, secret)


@pytest.mark.parametrize("kind", [repair.REPAIR, repair.UNDO])
def test_gone_on_with_by_another_process_a_repair_ends_with_what_to_ask(kind: Any) -> None:
    with pytest.raises(HostTrouble, match="process that knew the passphrase") as caught:
        kind.make(work(None)).begin()
    words = "repair web1 --undo" if kind is repair.UNDO else "repair web1"
    assert caught.value.hint.endswith(f"lifebuoy {words} --passphrase")


def test_no_representation_shows_the_passphrase() -> None:
    secret = repair.Secret(b"open sesame")
    assert "sesame" not in repr(secret) and "sesame" not in repr(work(secret))
