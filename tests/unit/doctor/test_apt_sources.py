"""What of a guest's package sources is used: servers, and only with their signatures checked."""

from __future__ import annotations

from typing import Final

import pytest

from lifebuoy.guest.doctor.packages.apt import lines, stanzas

SERVER: Final = "http://deb.debian.org/debian"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (f"deb {SERVER} bookworm main", f"deb {SERVER} bookworm main"),
        (f"  deb\t{SERVER} bookworm main # mine", f"deb {SERVER} bookworm main"),
        (f"deb [ arch=amd64 trusted=yes ] {SERVER} b m", f"deb [arch=amd64] {SERVER} b m"),
        (f"deb [%74rusted=yes] {SERVER} b m", f"deb {SERVER} b m"),
        (f'deb ["trusted=yes" allow-insecure=1] {SERVER} b m', f"deb {SERVER} b m"),
        (
            f"deb [signed-by=/k.gpg Trusted=yes] {SERVER} b m",
            f"deb [signed-by=/k.gpg] {SERVER} b m",
        ),
        (f"deb-src {SERVER} bookworm main", ""),
        ("deb file:/srv/debian bookworm main", ""),
        ("deb ssh://root@host/debian bookworm main", ""),
        ("deb [arch=amd64] copy:/etc b m", ""),
        ("deb", ""),
        ("# deb http://x y z", ""),
    ],
)
def test_a_line_keeps_what_cannot_leave_a_signature_out(line: str, kept: str) -> None:
    assert lines(line) == (f"{kept}\n" if kept else "")


def test_a_stanza_keeps_what_cannot_leave_a_signature_out() -> None:
    text = (
        f"# a comment\nTypes: deb\nURIs: {SERVER}\n https://b/\nSuites: b\nComponents: main\n"
        "tRusted: yes\nAllow-Insecure: yes\nSigned-By:\n -----BEGIN\n .\n abc\n"
        f"\n\nTypes: deb\nURIs: {SERVER} file:/srv\nSuites: b\n \nTypes: deb\nURIs: rsh://h/\n"
    )
    assert stanzas(text) == (
        f"Types: deb\nURIs: {SERVER}\n https://b/\nSuites: b\nComponents: main\n"
        "Signed-By:\n -----BEGIN\n .\n abc\n\n"
    )


@pytest.mark.parametrize("text", ["", "\0", ":\n:\n", " x\n", "URIs:\n", "deb [" * 1000])
def test_nonsense_is_no_source(text: str) -> None:
    assert lines(text) == "" and stanzas(text) == ""
