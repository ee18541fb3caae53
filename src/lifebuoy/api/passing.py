"""What every request passes through: an id for the log, headers of the answer, limits.

Plain ASGI, so that a stream of events passes as it comes.
"""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lifebuoy.api.problems import TooLarge, answer
from lifebuoy.api.state import API
from lifebuoy.errors import BadInput

_log = structlog.get_logger(__name__)

BODY_MAX: Final = 64 * 1024
_NOT_OURS: Final = 1008  # of a WebSocket: it breaks a rule of ours


def policy(*images: str) -> str:
    """Nothing but our own files, no inline script or style, no frame, no other place for a form.

    ``images`` are further places that a page may show images from.
    """
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            " ".join(["img-src 'self'", *images]),
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


_HEADERS: Final = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SECURE_S: Final = 31_536_000


class Passing:
    """Wraps the application. ``names`` are the host names that it answers to, None for any;
    ``secure`` that it is reached by TLS."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str] | None, secure: bool) -> None:
        self._app = app
        self._names = names
        self._headers = _HEADERS | (
            {"Strict-Transport-Security": f"max-age={_SECURE_S}"} if secure else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id_ = scope["lifebuoy.request_id"] = secrets.token_hex(8)
        began, told = time.monotonic(), {"status": 0}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                self._add(scope, message, id_)
            await send(message)

        with structlog.contextvars.bound_contextvars(request=id_):
            try:
                await self._passed(scope, receive, sending)
            except Exception:
                if not told["status"]:  # else it is answered and in the log
                    raise
            finally:
                self._log(scope, told["status"], time.monotonic() - began)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a WebSocket on; whose it is and which page opens it is looked at there."""
        id_ = scope["lifebuoy.request_id"] = secrets.token_hex(8)
        began, told = time.monotonic(), {"status": 0}

        async def sending(message: Message) -> None:
            if message["type"] == "websocket.http.response.start":
                told["status"] = message["status"]
            elif message["type"] in {"websocket.accept", "websocket.close"}:
                told["status"] = message.get("code", HTTPStatus.SWITCHING_PROTOCOLS.value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request=id_):
            try:
                if self._is_ours(Headers(scope=scope)):
                    await self._app(scope, receive, sending)
                else:
                    await sending({"type": "websocket.close", "code": _NOT_OURS})
            finally:
                self._log(scope, told["status"], time.monotonic() - began)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if not self._is_ours(request.headers):
            refusal = BadInput("this server is not called so", hint="see the setting server.origin")
            await answer(request, refusal)(scope, receive, send)
            return
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > BODY_MAX or _is_chunked(request.headers):
            refusal = TooLarge(f"a request has {BODY_MAX} bytes at most, and says how many")
            await answer(request, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, headers: Headers) -> bool:
        """Whether it is addressed to us: a page elsewhere whose name was made to lead here must
        not be able to talk to us from the browsers of this machine."""
        if self._names is None:
            return True
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        return name.strip("[]").lower() in self._names

    def _add(self, scope: Scope, message: Message, id_: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = id_
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if scope["path"].startswith(API):
            headers.setdefault("Cache-Control", "no-store")

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        """One line a request; neither a query nor a body, which may hold what is private."""
        facts: dict[str, Any] = {"account": scope.get("lifebuoy.account", "")}
        _log.info(
            "request",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 1),
            **facts,
        )


def _is_chunked(headers: Headers) -> bool:
    return "transfer-encoding" in headers
