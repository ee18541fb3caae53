"""Carries an open console between a WebSocket and its instance, until one of them ends it, it may
not go on, or the server stops. What comes faster than the other side takes it waits at its source.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

import structlog
from fastapi import WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from lifebuoy.accounts import standing
from lifebuoy.accounts.model import Permission
from lifebuoy.accounts.standing import Proof
from lifebuoy.api.lines import Line, ScreenLine, SerialLine
from lifebuoy.api.opening import opened
from lifebuoy.api.state import Serving
from lifebuoy.console.channel import Channel
from lifebuoy.console.ending import CODES, Ending
from lifebuoy.console.kind import ConsoleKind
from lifebuoy.console.rfb import NotRfb
from lifebuoy.console.seats import TooManyConsoles
from lifebuoy.console.tickets import Admission
from lifebuoy.errors import ConsoleTaken, HostTrouble, InstanceNotFound, LifebuoyError, NotAllowed
from lifebuoy.hypervisor import Host
from lifebuoy.operations import consoles

_log = structlog.get_logger(__name__)

#: How often it is looked whether the server stops, and whether the console may go on.
_STOPPING_S: Final = 0.25
_LOOK_S: Final = 2.0
_LAST_LOOKS: Final = 6
_LAST_LOOK_S: Final = 0.3
_NOTED_S: Final = 60.0
_CLOSE_S: Final = 3.0
_REASON_MOST: Final = 120  # bytes that a close frame has room for


async def run(socket: WebSocket, server: Serving, admission: Admission, proof: Proof) -> None:
    """Open the console, carry it, and tell why it ended: its viewer, and the audit log."""
    began, why, words = time.monotonic(), Ending.LOST, ""
    address = socket.client.host if socket.client else ""
    try:
        with server.seats.taken(admission):
            await run_in_threadpool(consoles.note_opened, server.database, admission, address)
            try:
                why = await _carried(socket, server, admission, proof)
            except LifebuoyError as error:
                why, words = _of_error(error), error.message
            finally:
                seconds = time.monotonic() - began
                note = (server.database, admission, why, seconds)
                await run_in_threadpool(consoles.note_closed, *note)
    except LifebuoyError as error:
        why, words = _of_error(error), error.message
    _log.info("console_ended", kind=admission.kind, instance=admission.name, why=why, what=words)
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
        await asyncio.wait_for(socket.close(CODES[why], _reason(why, words)), _CLOSE_S)


async def _carried(
    socket: WebSocket, server: Serving, admission: Admission, proof: Proof
) -> Ending:
    found = await run_in_threadpool(opened, server.hosts, admission)
    line: Line = (
        ScreenLine(found, guarded=admission.in_rescue)
        if isinstance(found, Channel)
        else SerialLine(found)
    )
    used = asyncio.Event()
    tasks = [
        asyncio.create_task(one)
        for one in (
            _to_viewer(socket, line),
            _to_instance(socket, line, used),
            _watched(server, admission, proof, used),
        )
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        why = next(one for one in tasks if one in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await line.close()
    return why if why is not Ending.LOST else await _looked_into(server, admission)


async def _to_viewer(socket: WebSocket, line: Line) -> Ending:
    try:
        await socket.send_bytes(line.greeting)  # if only to say that it is open
        while data := await line.receive():
            await socket.send_bytes(data)
    except WebSocketDisconnect:
        return Ending.LEFT
    except OSError:
        return Ending.LOST
    return Ending.LOST


async def _to_instance(socket: WebSocket, line: Line, used: asyncio.Event) -> Ending:
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                stops = message.get("code") == CODES[Ending.SERVER_ENDS]
                return Ending.SERVER_ENDS if stops else Ending.LEFT
            used.set()
            if back := await line.send(_bytes_of(message)):
                await socket.send_bytes(back)
    except NotRfb:
        return Ending.MISUSED
    except WebSocketDisconnect:
        return Ending.LEFT
    except OSError:
        return Ending.LOST


async def _watched(
    server: Serving, admission: Admission, proof: Proof, used: asyncio.Event
) -> Ending:
    """Comes back when the console may not go on."""
    looked = noted = time.monotonic()
    while not server.stopping.is_set():
        await asyncio.sleep(_STOPPING_S)
        now = time.monotonic()
        if now - looked >= _LOOK_S:
            if why := await run_in_threadpool(_fault, server, admission, proof):
                return why
            looked = time.monotonic()
        if used.is_set() and now - noted >= _NOTED_S:
            used.clear()
            noted = now
            await run_in_threadpool(standing.note_use, server.database, proof)
    return Ending.SERVER_ENDS


def _fault(server: Serving, admission: Admission, proof: Proof) -> Ending | None:
    """Why the console may not go on; None if it may, or its host does not answer just now."""
    try:
        found = standing.identity(server.database, proof)
    except LifebuoyError:
        return Ending.LOST  # whether it still may is not known
    if (
        found is None
        or Permission.ACT not in found.may
        or not found.sees(admission.daemon, admission.uuid)
    ):
        return Ending.SIGNED_OUT
    try:
        (answer,) = server.hosts.ask(
            lambda host: consoles.ending(host, admission), [admission.host]
        )
    except LifebuoyError:
        return Ending.STOPPED  # the host was taken out
    return answer.value


async def _looked_into(server: Serving, admission: Admission) -> Ending:
    """Why the instance's side has ended. A machine that ends closes its consoles a moment before
    its host knows that it has ended."""

    def question(host: Host) -> Ending | None:
        return consoles.ending(host, admission)

    for _ in range(_LAST_LOOKS):
        (answer,) = await run_in_threadpool(server.hosts.ask, question, [admission.host])
        if answer.error is not None:
            return Ending.LOST
        if answer.value is not None:
            return answer.value
        await asyncio.sleep(_LAST_LOOK_S)
    return Ending.TAKEN if admission.kind is ConsoleKind.SERIAL else Ending.LOST


def _of_error(error: LifebuoyError) -> Ending:
    kinds: tuple[tuple[type[LifebuoyError], Ending], ...] = (
        (TooManyConsoles, Ending.TOO_MANY),
        (ConsoleTaken, Ending.TAKEN),
        (NotAllowed, Ending.STOPPED),
        (InstanceNotFound, Ending.STOPPED),
        (HostTrouble, Ending.LOST),
    )
    return next((ending for kind, ending in kinds if isinstance(error, kind)), Ending.REFUSED)


def _bytes_of(message: Any) -> bytes:
    data = message.get("bytes")
    return data if data is not None else (message.get("text") or "").encode()


def _reason(why: Ending, words: str) -> str:
    """As long as a close frame may be: the word, then what it is in words."""
    text = f"{why} {words}".strip().encode()[:_REASON_MOST]
    return text.decode("utf-8", "ignore")
