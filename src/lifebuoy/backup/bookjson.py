"""The book as text and back. Pure. Reads what older versions wrote, refuses what newer ones did."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from lifebuoy.backup.book import (
    Book,
    Change,
    ChangeKind,
    Content,
    File,
    Layer,
    Point,
    PointKind,
    Quota,
    Undo,
)
from lifebuoy.errors import BackupsUnreadable

FORMAT: Final = 1


def to_text(book: Book) -> bytes:
    """The book, readable by people too."""
    return (json.dumps({"format": FORMAT, **asdict(book)}, indent=1) + "\n").encode()


def from_text(text: bytes) -> Book:
    """The book in ``text``.

    Raises:
        BackupsUnreadable: it is not one, or was written by a newer Lifebuoy.
    """
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BackupsUnreadable(
                "the list of backup points was written by another version of Lifebuoy",
                hint="use that version, or a newer one",
            )
        return Book(
            uuid=str(found["uuid"]),
            name=str(found["name"]),
            content=_content(found["content"]) if found["content"] else None,
            pending=_change(found["pending"]) if found["pending"] else None,
            version=int(found["version"]),
            quota=Quota(**found["quota"]),
            leaving=tuple(found.get("leaving", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BackupsUnreadable("the list of backup points is damaged") from error


def _content(found: dict[str, Any]) -> Content:
    return Content(
        layers=tuple(_layer(one) for one in found["layers"]),
        active=str(found["active"]),
        points=tuple(_point(one) for one in found["points"]),
        undo=Undo(**found["undo"]) if found["undo"] else None,
        number=int(found["number"]),
    )


def _layer(found: dict[str, Any]) -> Layer:
    files = {str(target): File(**file) for target, file in found["files"].items()}
    return Layer(str(found["id"]), str(found["parent"]), files)


def _point(found: dict[str, Any]) -> Point:
    return Point(**{**found, "kind": PointKind(found["kind"])})


def _change(found: dict[str, Any]) -> Change:
    return Change(
        kind=ChangeKind(found["kind"]),
        goal=_content(found["goal"]),
        layer=str(found["layer"]),
        below=str(found["below"]),
        nvram=str(found["nvram"]),
    )
