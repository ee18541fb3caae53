"""Styles, scripts and pictures: kept by browsers, sent compressed, never another file than ours.

They are read when the server starts. What names the version, a hash of all files, is kept for good:
``/static/console.css?VERSION`` or, so that modules that import each other stay together,
``/parts/VERSION/novnc/...``. Else the browser asks each time whether it is still the same.

Pages themselves are not compressed: what an attacker can have repeated in them would give their
secrets away by its length (BREACH); in these files there are none.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_HERE: Final = Path(__file__).parent
#: Our own files, and the parts that come from elsewhere.
FOLDERS: Final = ("static", "parts")
_KEPT: Final = "public, max-age=31536000, immutable"
_ASKED: Final = "no-cache"
_COMPRESSED: Final = frozenset({".css", ".js", ".json", ".mjs", ".svg", ".txt"})
_LEAST_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. ``packed`` is the same by gzip; None where that does not pay."""

    content: bytes
    packed: bytes | None
    media_type: str
    tag: str


class Assets:
    """The files of one folder, as an application of their own."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one."""
        request = Request(scope)
        if request.method not in {"GET", "HEAD"}:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        path = str(scope["path"]).removeprefix(f"{scope['root_path']}/")
        name = path.removeprefix(f"{version()}/")
        found = _assets(self._folder).get(name)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        is_named = name != path or request.url.query == version()
        await _answer(found, request.headers, kept=is_named)(scope, receive, send)


@cache
def version() -> str:
    """What tells these files from any others."""
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for name, asset in sorted(_assets(folder).items()):
            digest.update(f"{folder}/{name} {asset.tag}\n".encode())
    return digest.hexdigest()[:12]


def _answer(asset: Asset, asked: Headers, *, kept: bool) -> Response:
    """The file, compressed where that is understood; or that it has not changed."""
    packs = asset.packed is not None and _takes_gzip(asked)
    tag = f'"{asset.tag}-gzip"' if packs else f'"{asset.tag}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT if kept else _ASKED}
    if asset.packed is not None:
        headers["Vary"] = "Accept-Encoding"
    known = asked.get("if-none-match", "")
    if tag in {one.strip().removeprefix("W/") for one in known.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if packs:
        headers["Content-Encoding"] = "gzip"
    body = asset.packed if packs else asset.content
    return Response(body, headers=headers, media_type=asset.media_type)


def _takes_gzip(headers: Headers) -> bool:
    """Whether gzip is accepted, and not refused by a weight of zero."""
    for part in headers.get("accept-encoding", "").split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


@cache
def _assets(folder: str) -> dict[str, Asset]:
    """All files below it, by their path there; none where it is not."""
    root = _HERE / folder
    return {
        path.relative_to(root).as_posix(): _asset(path)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    packed = None
    if path.suffix in _COMPRESSED and len(content) >= _LEAST_BYTES:
        packed = gzip.compress(content, mtime=0)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(content, packed, kind, hashlib.sha256(content).hexdigest()[:20])
