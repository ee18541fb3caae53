"""What a person reads on a page, and what of it is English: for pages in other languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import html

#: What machines say, and what is typed.
_MACHINES: Final = ("script", "style", "code", "pre")
_READ: Final = ("title", "aria-label", "placeholder", "alt", "data-label")
_COMMAND: Final = re.compile(
    r"(lifebuoy|virsh|systemctl|doctor|dnf|zypper|apk|pacman|pam-config|rc-update|btrfs|grubby"
    r"|kernel-install) [^；，。“”（）]*|“[^“”]*”"
)
#: Three words one after the other are a sentence; fewer may be a name.
_SENTENCE: Final = re.compile(r"[A-Za-z]?[a-z]+(?:[ ,:;]+[a-z']+){2,}")


def english_on(page: str) -> list[str]:
    """English sentences on a page, or on a part of one, but for what machines say."""
    return [sentence for text in read_on(page) if (sentence := english_in(text))]


def english_in(text: str) -> str:
    """The first English sentence in a text; empty where there is none."""
    found = _SENTENCE.search(_COMMAND.sub("", " ".join(text.split())))
    return found[0] if found else ""


def read_on(page: str) -> Iterator[str]:
    """All pieces of text on it, and the attributes that browsers show or tell."""
    tree = html.document_fromstring(page if "<html" in page else f"<div>{page}</div>")
    for element in tree.iter():
        if element.tag not in _MACHINES:
            yield element.text or ""
            yield from (element.get(name) or "" for name in _READ)
        yield element.tail or ""
