"""The two kinds of consoles as the relay drives them: bytes from the instance, bytes to it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool

from lifebuoy.console import rfb
from lifebuoy.console.channel import Channel
from lifebuoy.errors import TimedOut
from lifebuoy.hypervisor import SerialConsole

_READ_SIZE: Final = 256 * 1024
_READ_S: Final = 0.5
_WRITE_S: Final = 2.0


class Line(Protocol):
    """An open console. Of one event loop."""

    @property
    def greeting(self) -> bytes:
        """What its viewer is told first; may be empty."""

    async def receive(self) -> bytes:
        """What came from the instance, waiting for it; b'' at the end."""

    async def send(self, data: bytes) -> bytes:
        """Pass on what its viewer sent; what the viewer is told in return.

        Raises:
            NotRfb: it is not of the protocol.
            OSError: the way to the instance broke.
        """

    async def close(self) -> None:
        """Let go of it."""


class ScreenLine:
    """A screen. ``guarded``: Ctrl-Alt-Del is held back."""

    greeting = rfb.VERSION

    def __init__(self, channel: Channel, *, guarded: bool) -> None:
        self._channel = channel
        self._viewer = rfb.Viewer(guarded=guarded)
        self._loop = asyncio.get_running_loop()

    async def receive(self) -> bytes:
        return await self._loop.sock_recv(self._channel.stream, _READ_SIZE)

    async def send(self, data: bytes) -> bytes:
        back, on = self._viewer.take(data)
        if on:
            await self._loop.sock_sendall(self._channel.stream, on)
        return back

    async def close(self) -> None:
        await run_in_threadpool(self._channel.close)


class SerialLine:
    """A serial port; with threads of its own, so that those who wait are in nobody's way."""

    greeting = b""

    def __init__(self, serial: SerialConsole) -> None:
        self._serial = serial
        self._threads = ThreadPoolExecutor(2, "serial")
        self._loop = asyncio.get_running_loop()

    async def receive(self) -> bytes:
        try:
            while True:
                data = await self._loop.run_in_executor(self._threads, self._serial.read, _READ_S)
                if data:
                    return data
        except EOFError:
            return b""

    async def send(self, data: bytes) -> bytes:
        try:
            await self._loop.run_in_executor(self._threads, self._serial.write, data, _WRITE_S)
        except EOFError as error:
            raise ConnectionError(str(error)) from error
        except TimedOut:
            pass  # a guest that does not read its serial port: what is typed is lost, as on any
        return b""

    async def close(self) -> None:
        self._threads.shutdown(wait=False)
        await run_in_threadpool(self._serial.close)
