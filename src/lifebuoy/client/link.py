"""The connection to a server: requests that survive a lost connection, and streams of events.

What only looks is asked again. What changes something carries an Idempotency-Key of its own, so
that asking again cannot do it twice. The key goes into a header, to that one server: no redirect is
followed.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
from httpx_sse import EventSource, SSEError

from lifebuoy.client.problems import error_of
from lifebuoy.errors import BadInput, LifebuoyError, ServerNotUnderstood, ServerUnreachable

if TYPE_CHECKING:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import ClientConnection

API: Final = "/api/v1"
#: For an answer: a host that must be asked first may take its time.
ANSWER_S: Final = 180.0
_CONNECT_S: Final = 10.0
#: A stream of events says something more often than this, if only that it is still there.
_SILENCE_S: Final = 60.0
#: So long a server that has answered before may be away, such as for a restart.
PATIENCE_S: Final = 120.0
#: The same while something is asked to be done: Ctrl-C waits for the answer, which has its id.
_CHANGE_PATIENCE_S: Final = 30.0
_AGAIN_S: Final = 1.0
#: What a proxy says of a server that is away, and a server of a request that its end cuts off.
_AWAY: Final = frozenset({500, 502, 503, 504})
_PROBLEM: Final = "application/problem+json"


class Link:
    """One server, asked with one key; a context manager. ``told`` hears, once each time, that the
    server does not answer and is waited for."""

    def __init__(
        self,
        url: str,
        key: str,
        ca_file: Path | None,
        told: Callable[[str], None],
        *,
        answer_s: float = ANSWER_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Connect to nothing yet. An answer may take ``answer_s``; for how long a server that is
        away is waited for says ``patience_s``.

        Raises:
            BadInput: the file of the authorities cannot be used.
        """
        self.url = url
        self._key = key
        self._tls = _authorities(ca_file) if url.startswith("https:") else None
        self._told = told
        self._patience_s = patience_s
        self._met = False
        self._client = httpx.Client(
            base_url=url + API,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(answer_s, connect=min(answer_s, _CONNECT_S)),
            verify=self._tls or True,
            # a proxy would read what goes in clear, and to this machine none is needed
            trust_env=url.startswith("https:"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """What is at ``path``; values of ``query`` that are None are left out.

        Raises:
            LifebuoyError: as the server says, or because it does not.
        """
        given = {name: value for name, value in query.items() if value is not None}
        return _content(self._asked("GET", path, params=given), self.url)

    def bytes_of(self, path: str) -> bytes:
        """The same, of a file that is no JSON."""
        return self._asked("GET", path).content

    def send(self, method: str, path: str, body: object = None) -> Any:
        """Have something changed; None where the answer holds nothing.

        Raises:
            LifebuoyError: as the server says, or because it does not.
        """
        more: dict[str, Any] = {} if body is None else {"json": body}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        try:
            return _content(self._asked(method, path, headers=headers, **more), self.url)
        except ServerUnreachable as error:
            if self._met:
                error.safe = "Whether it was begun is not known; see: lifebuoy operations list"
            raise

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Server-sent events: name and object. It ends where the server ends it, or is lost.

        Raises:
            LifebuoyError: the server refuses it.
        """
        timeout = httpx.Timeout(_SILENCE_S, connect=_CONNECT_S)
        try:
            with self._client.stream("GET", path, timeout=timeout) as answer:
                if answer.is_error:
                    answer.read()
                    if _is_away(answer):
                        return
                    raise error_of(answer, self.url)
                for event in EventSource(answer).iter_sse():
                    yield event.event, json.loads(event.data)
        except (httpx.TransportError, SSEError, ValueError):
            return  # who watches asks again

    def socket(self, path: str, protocols: list[str]) -> ClientConnection:
        """A WebSocket, open, on which one of ``protocols`` is spoken. ``path`` is a whole one.

        Raises:
            LifebuoyError: as the server says.
            ServerUnreachable: it cannot be opened.
        """
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        address = "ws" + self.url.removeprefix("http") + path
        try:
            return connect(
                address,
                ssl=self._tls,
                subprotocols=[Subprotocol(one) for one in protocols],
                additional_headers={"Authorization": f"Bearer {self._key}"},
                compression=None,
                proxy=True if self._tls else None,
            )
        except InvalidStatus as error:
            said = error_of(_answer(error), self.url)
            if not isinstance(said, ServerNotUnderstood):
                raise said from error
            raise self._no_socket(f"HTTP {error.response.status_code}") from error
        except (OSError, WebSocketException) as error:
            raise self._no_socket(type(error).__name__) from error

    def _no_socket(self, why: str) -> ServerUnreachable:
        return ServerUnreachable(
            f"the server at {self.url} does not open the console: {why}",
            hint="if a proxy stands before it, it must pass WebSockets on",
        )

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer; asked again for a while where the server is away, if it was there before."""
        looks = method == "GET"
        patience_s = self._patience_s if looks else min(self._patience_s, _CHANGE_PATIENCE_S)
        deadline = time.monotonic() + patience_s
        said = False
        while True:
            trouble: LifebuoyError
            try:
                answer = self._client.request(method, path, **more)
            except httpx.TransportError as error:
                trouble = _unreachable(self.url, error)
            else:
                if not _is_away(answer):
                    self._met = True
                    if answer.is_error or answer.is_redirect:
                        raise error_of(answer, self.url)
                    return answer
                trouble = error_of(answer, self.url)
            if not self._met or time.monotonic() > deadline:
                raise trouble
            if not said:
                self._told(f"The server at {self.url} does not answer; it is waited for.")
                said = True
            time.sleep(_AGAIN_S)


def _answer(refused: InvalidStatus) -> httpx.Response:
    """What came instead of a WebSocket."""
    told = refused.response
    headers = list(told.headers.raw_items())
    return httpx.Response(told.status_code, headers=headers, content=bytes(told.body or b""))


def _is_away(answer: httpx.Response) -> bool:
    """Whether nobody answers for now; our own problems, which are answers, have their own type."""
    is_ours = answer.headers.get("Content-Type", "").startswith(_PROBLEM)
    return answer.status_code in _AWAY and not is_ours


def _content(answer: httpx.Response, url: str) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        raise ServerNotUnderstood(
            f"what answers at {url} is no Lifebuoy server",
            hint="give the address that 'lifebuoy serve' prints, or that of the proxy before it",
        ) from None


def _authorities(file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(file) if file else None)
    except (OSError, ssl.SSLError):
        raise BadInput(
            f"{file} holds no certificates of authorities that can be used",
            hint="the setting client.ca_file names a file of certificates in PEM",
        ) from None


def _unreachable(url: str, error: httpx.TransportError) -> ServerUnreachable:
    """Why there was no answer, and whether that can be mended here."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServerUnreachable(
                f"the server at {url} is not trusted: {cause.verify_message}",
                hint="if its certificate is of an authority of your own, name that: the setting "
                "client.ca_file, or LIFEBUOY_CLIENT__CA_FILE",
            )
        if isinstance(cause, ssl.SSLError):
            return ServerUnreachable(
                f"the server at {url} does not speak TLS as it should",
                hint="see whether its address begins with http:// or https://",
            )
        cause = cause.__cause__ or cause.__context__
    words = "no answer in time" if isinstance(error, httpx.TimeoutException) else ""
    with suppress(IndexError):
        words = words or str(error).splitlines()[0]
    return ServerUnreachable(
        f"the server at {url} cannot be reached: {words or type(error).__name__}",
        hint="see whether it runs there (lifebuoy serve) and whether the address is right",
    )
