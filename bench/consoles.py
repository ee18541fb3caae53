"""What a screen gives a second: through the server to a WebSocket, beside QEMU itself.

``python -m bench.consoles``. In rounds, each way once a round: a viewer asks for the whole screen,
raw, again and again; it is 1280 x 1024 in true colour. QEMU renews it some thirty times a second at
most, whoever asks, so the same is measured with several viewers at once, too.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from bench import record
from bench.figures import Summary, summarise

GOAL: Final = 0.7
VIEWERS: Final = (1, 4)
_ROUNDS: Final = 5
_MEASURED_S: Final = 3.0
_WAIT_S: Final = 60.0
_SIZE: Final = (1280, 1024)
_VERSION: Final = b"RFB 003.008\n"
_DOMAIN: Final = """
<domain type='qemu'>
  <name>screen</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/>
      <source file='{disk}'/><target dev='hda' bus='ide'/></disk>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <video><model type='vga'/></video>
  </devices>
</domain>
"""
#: A boot record that asks the firmware for 1280 x 1024 pixels in true colour, and halts.
_LARGE: Final = bytes.fromhex("b8024f bb1b41 cd10 f4 ebfd").ljust(510, b"\0") + b"\x55\xaa"
_DEFINE: Final = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    print(host.define(sys.stdin.read()).uuid)
"""
_END: Final = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    for domain in host.domains():
        domain.destroy()
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """MB (10^6 bytes) a second, round by round, by the number of viewers."""

    viewers: int
    direct: tuple[float, ...]
    through: tuple[float, ...]

    @property
    def ratio(self) -> Summary:
        """What goes through the server, of what QEMU gives directly, within each round."""
        return summarise([a / b for a, b in zip(self.through, self.direct, strict=True)])


class Site:
    """A running server with one running machine. ``api`` is where its calls are."""

    def __init__(self, url: str, key: str, uuid: str) -> None:
        self._key = key
        self._place = urlsplit(url)
        self._instance = f"{url}/api/v1/instances/-/{uuid}"

    def call(self, path: str, body: Any = None) -> Any:
        """What a call on the machine is answered with."""
        request = urllib.request.Request(
            self._instance + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:
            return json.load(answer)

    def start(self) -> None:
        """Start the machine, and wait until its screen is there."""
        self.call("/start", {})
        deadline = time.monotonic() + _WAIT_S
        while True:
            try:
                shown(self.direct(), 0)
                return
            except (OSError, IndexError):  # it is not started yet, or not in its mode
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def direct(self) -> Stream:
        """QEMU's own port."""
        port = self.call("")["graphics"][0]["port"]
        return Stream(socket.create_connection(("127.0.0.1", port), _WAIT_S))

    def through(self) -> Stream:
        """The server's WebSocket."""
        ticket = self.call("/console/tickets", {"kind": "vnc"})
        port = self._place.port or 80
        sock = socket.create_connection(("127.0.0.1", port), _WAIT_S)
        lines = (
            f"GET {ticket['path']} HTTP/1.1",
            f"Host: {self._place.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            f"Sec-WebSocket-Protocol: {', '.join(ticket['protocols'])}",
            f"Authorization: Bearer {self._key}",
            "\r\n",
        )
        sock.sendall("\r\n".join(lines).encode())
        return Framed(sock)


class Stream:
    """The bytes of a VNC server; what a viewer does with them is not counted."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._space = memoryview(bytearray(1 << 18))

    def some(self, most: int) -> memoryview:
        """The next bytes, as far as they are there; waits for one."""
        got = self.sock.recv_into(self._space[:most])
        if not got:
            raise ConnectionError("the screen was closed")
        return self._space[:got]

    def take(self, size: int) -> bytes:
        """The next so many bytes."""
        found = bytearray()
        while len(found) < size:
            found += self.some(size - len(found))
        return bytes(found)

    def skip(self, size: int) -> None:
        """Leave so many bytes out."""
        while size:
            size -= len(self.some(size))

    def send(self, data: bytes) -> None:
        """Send these."""
        self.sock.sendall(data)


class Framed(Stream):
    """The same within a WebSocket's frames; the answer to its opening comes first."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += super().some(1)
        if b" 101 " not in head.splitlines()[0]:
            raise ConnectionError(head.splitlines()[0].decode())
        self._left = 0

    def some(self, most: int) -> memoryview:
        if not self._left:
            self._left = self._head()
        found = super().some(min(most, self._left))
        self._left -= len(found)
        return found

    def send(self, data: bytes) -> None:
        self.sock.sendall(bytes([0x82, 0x80 | len(data)]) + bytes(4) + data)  # its mask is zero

    def _head(self) -> int:
        """The length of the next frame."""
        length = self._exactly(2)[1]
        longer = {126: 2, 127: 8}.get(length)
        return int.from_bytes(self._exactly(longer)) if longer else length

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += super().some(size - len(found))
        return found


def shown(stream: Stream, seconds: float) -> int:
    """The bytes that come in so many seconds, to one who asks for all of the screen again as soon
    as it is there."""
    stream.take(len(_VERSION))
    stream.send(_VERSION)
    stream.take(stream.take(1)[0])
    stream.send(b"\1")
    stream.take(4)
    stream.send(b"\1")
    width, height = struct.unpack(">HH", stream.take(4))
    if (width, height) != _SIZE:
        raise ConnectionError(f"the screen is {width} x {height}")
    stream.take(struct.unpack(">16xI", stream.take(20))[0])
    stream.send(struct.pack(">BxHi", 2, 1, 0))  # raw
    ask = struct.pack(">BBHHHH", 3, 0, 0, 0, width, height)
    done, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        stream.send(ask)
        for _ in range(struct.unpack(">xxH", stream.take(4))[0]):
            across, down, _encoding = struct.unpack(">4xHHi", stream.take(12))
            stream.skip(across * down * 4)
            done += across * down * 4
    stream.sock.close()
    return done


def rate(site: Site, way: str, viewers: int) -> float:
    """MB a second that all viewers get together."""
    streams = [getattr(site, way)() for _ in range(viewers)]
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: got.append(shown(one, _MEASURED_S)))
        for one in streams
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(got) < viewers:
        raise ConnectionError("a viewer was cut off")
    return sum(got) / _MEASURED_S / 1e6


@contextmanager
def site(root: Path) -> Iterator[Site]:
    """A server and a machine below ``root``, whose path is short; both end with the block."""
    uri = f"qemu:///embed?root={root}/e"
    folders = {f"XDG_{kind}_HOME": str(root / kind) for kind in ("CONFIG", "STATE", "CACHE")}
    env = {**os.environ, **folders, "HOME": str(root)}

    def run(*words: str, typed: str = "") -> str:
        return subprocess.run(
            [sys.executable, *words], env=env, input=typed, text=True, check=True,
            stdout=subprocess.PIPE, timeout=_WAIT_S,
        ).stdout  # fmt: skip

    disk = root / "disk.raw"
    disk.write_bytes(_LARGE.ljust(1 << 16, b"\0"))
    uuid = run("-c", _DEFINE, uri, typed=_DOMAIN.format(disk=disk)).strip()
    us = ("-m", "lifebuoy", "--connect", uri)
    run(*us, "account", "add", "bench", "--role", "operator", "--password-stdin", typed="x" * 12)
    scopes = ("--scope", "read", "--scope", "act")
    key = json.loads(run(*us, "api-key", "add", "bench", *scopes, "--json"))["key"]
    with ExitStack() as ending, (root / "log").open("w") as log:
        ending.callback(run, "-c", _END, uri)
        words = [sys.executable, *us, "serve", "--listen", "127.0.0.1:0", "--json"]
        server = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        ending.callback(server.wait, _WAIT_S)
        ending.callback(server.terminate)
        assert server.stdout is not None
        found = Site(json.loads(server.stdout.readline())["url"], key, uuid)
        found.start()
        yield found


def measure(root: Path) -> list[Figures]:
    """All rounds."""
    figures = []
    with site(root) as there:
        for viewers in VIEWERS:
            rounds = [
                (rate(there, "direct", viewers), rate(there, "through", viewers))
                for _ in range(_ROUNDS)
            ]
            direct, through = zip(*rounds, strict=True)
            figures.append(Figures(viewers, direct, through))
    return figures


def show(figures: Sequence[Figures], console: Console) -> None:
    """Print the table."""
    table = Table(title=f"A screen, MB a second, median of {_ROUNDS} rounds")
    for name in ("viewers", "direct", "through the server", "ratio", "min", "max", "goal", ""):
        table.add_column(name, justify="right")
    for one in figures:
        ratio = one.ratio
        table.add_row(
            str(one.viewers),
            f"{summarise(one.direct).median:.1f}",
            f"{summarise(one.through).median:.1f}",
            *(f"{value:.2f}" for value in (ratio.median, ratio.minimum, ratio.maximum)),
            f">= {GOAL:g}",
            "[green]pass[/]" if ratio.median >= GOAL else "[red]fail[/]",
        )
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and record."""
    output = record.folder_of(arguments, "consoles")
    root = Path(tempfile.mkdtemp(prefix="lb-bench-", dir="/tmp"))  # short, for sockets
    try:
        figures = measure(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    show(figures, Console())
    kept = [{**asdict(one), "ratio": asdict(one.ratio)} for one in figures]
    print(f"record: {record.keep('consoles', kept, output)}")


if __name__ == "__main__":
    main()
