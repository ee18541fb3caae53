"""Listens, and serves the application until the process is told to stop."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

import uvicorn
from anyio import to_thread
from starlette.types import ASGIApp

from lifebuoy.api.certificate import Certificate
from lifebuoy.api.events import Hub
from lifebuoy.api.figures import Figures
from lifebuoy.api.state import Serving, Signing
from lifebuoy.errors import HostTrouble
from lifebuoy.operations import history
from lifebuoy.operations.desk import Desk
from lifebuoy.operations.overview import Overview
from lifebuoy.operations.reach import Reach
from lifebuoy.settings.listening import Listen

_LAST_ANSWERS_S: Final = 10
_BACKLOG: Final = 512
_MESSAGE_MAX: Final = 256 * 1024
_THREADS: Final = 120
#: Who watches holds one; more than the 1,024 that a process may have open where nobody says more.
_DESCRIPTORS: Final = 16_384
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})


def run(
    where: Listen,
    origin: str,
    desk: Desk,
    hosts: Reach,
    signing: Signing,
    overview: Overview,
    stopping: threading.Event,
    figures: Figures,
    certificate: Certificate | None,
    make: Callable[[Serving], ASGIApp],
    told: Callable[[str], None],
) -> None:
    """Serve what ``make`` makes; ``told`` hears the address once connections are taken.

    With a ``certificate`` it speaks TLS; else a proxy does, where it does not stay on loopback.

    ``stopping`` is set as soon as the process is told to end, by SIGTERM or Ctrl-C.

    Raises:
        HostTrouble: it cannot listen there.
    """
    _allow_descriptors()
    with _listening(where) as sock:
        port = sock.getsockname()[1]
        serving = Serving(
            desk=desk,
            hosts=hosts,
            overview=overview,
            hub=Hub(lambda id_: history.account(desk.database, id_), stopping),
            signing=signing,
            origin=origin,
            names=names(where, origin),
            stopping=stopping,
            figures=figures,
            tls=certificate is not None,
        )
        config = uvicorn.Config(
            make(serving),
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            # a proxy says from where a request comes; where there is none, anybody could
            proxy_headers=bool(origin) and certificate is None,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
            # what consoles carry is small or compressed already
            ws_per_message_deflate=False,
            ws_max_size=_MESSAGE_MAX,
        )
        if certificate is not None:
            config.load()
            config.ssl = certificate.context
        told(origin or f"{'https' if certificate else 'http'}://{Listen(where.host, port)}")
        _Server(config, stopping).run([sock])


class _Server(uvicorn.Server):
    """Says when it is told to stop: what streams must end before the last answers are awaited.

    It has threads enough that requests to a host that hangs do not take them all until that is
    known.
    """

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """In its event loop, before connections are taken."""
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        await super().startup(sockets)
        if self._stopping.is_set():  # told so before it listened to signals itself
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Told to stop by a signal."""
        self._stopping.set()
        super().handle_exit(sig, frame)


def names(where: Listen, origin: str) -> frozenset[str] | None:
    """The host names that requests may be addressed to; None for any. Pure."""
    if where.host in _EVERYWHERE and not origin:
        return None
    own = {where.host, "localhost", "127.0.0.1", "::1", urlsplit(origin).hostname or ""}
    return frozenset(name.lower() for name in own - _EVERYWHERE if name)


def _allow_descriptors() -> None:
    """Have as many open files as we are allowed to allow ourselves, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listening(where: Listen) -> socket.socket:
    """A socket that takes connections already: whoever comes early waits, and is not refused."""
    try:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        raise HostTrouble(
            f"cannot listen at {where}: {error.strerror}",
            hint="use another port: --listen HOST:PORT",
            safe="",
        ) from error
    return sock
