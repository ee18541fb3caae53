"""Consoles without a machine: tickets, seats, what passes between viewer and screen, pictures."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import pytest
from PIL import Image

from lifebuoy.console import rfb, viewer
from lifebuoy.console.kind import ConsoleKind
from lifebuoy.console.pictures import KEPT_S, Pictures
from lifebuoy.console.rfb import NotRfb, Viewer
from lifebuoy.console.seats import Seats, TooManyConsoles
from lifebuoy.console.tickets import LIFE_S, Admission, TicketRefused, Tickets
from lifebuoy.console.viewer import Reach, Way
from lifebuoy.errors import HostTrouble, Refused
from lifebuoy.hypervisor import Graphics

ADMISSION: Final = Admission(
    ConsoleKind.VNC, "web", "web", "web qemu /system", "uuid", "vm", "ana", "her-session"
)
CONTROL, ALT, ALT_GR, DELETE, A = 0xFFE3, 0xFFE9, 0xFE03, 0xFFFF, 0x61


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_is_good_for_its_time_and_once() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    late, good = tickets.give(ADMISSION), tickets.give(ADMISSION)
    clock.now += LIFE_S - 0.1
    assert tickets.take(good, ConsoleKind.VNC, "her-session") == ADMISSION
    with pytest.raises(TicketRefused):
        tickets.take(good, ConsoleKind.VNC, "her-session")
    clock.now += 0.2
    with pytest.raises(TicketRefused):
        tickets.take(late, ConsoleKind.VNC, "her-session")


@pytest.mark.parametrize(
    ("kind", "bearer"), [(ConsoleKind.SERIAL, "her-session"), (ConsoleKind.VNC, "his-session")]
)
def test_a_ticket_that_is_tried_where_it_is_not_good_is_lost(
    kind: ConsoleKind, bearer: str
) -> None:
    tickets = Tickets()
    given = tickets.give(ADMISSION)
    for wanted, shown in ((kind, bearer), (ConsoleKind.VNC, "her-session")):
        with pytest.raises(TicketRefused):
            tickets.take(given, wanted, shown)


def test_unused_tickets_pile_up_only_so_far_and_are_forgotten() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    for _ in range(16):
        tickets.give(ADMISSION)
    with pytest.raises(Refused):
        tickets.give(ADMISSION)
    tickets.give(replace(ADMISSION, account="ben"))
    clock.now += LIFE_S
    tickets.give(ADMISSION)


def test_seats_are_limited_and_given_back() -> None:
    seats = Seats()
    with ExitStack() as open_:
        for _ in range(6):
            open_.enter_context(seats.taken(ADMISSION))
        with pytest.raises(TooManyConsoles), seats.taken(ADMISSION):
            pass
        for number in range(6):
            open_.enter_context(seats.taken(replace(ADMISSION, uuid=f"other-{number}")))
        with (
            pytest.raises(TooManyConsoles, match="account"),
            seats.taken(replace(ADMISSION, uuid="third")),
        ):
            pass
    with seats.taken(ADMISSION):
        pass


def begun(*, guarded: bool) -> Viewer:
    """A viewer that has signed in."""
    made = Viewer(guarded=guarded)
    assert made.take(rfb.VERSION) == (b"\1\1", b"")
    assert made.take(b"\1") == (bytes(4), b"")
    assert made.take(b"\0") == (b"", b"\1")  # it asked for the screen alone, and shares it
    return made


def key(symbol: int, down: bool, code: int | None = None) -> bytes:
    """A press, or letting go; with a scancode as QEMU's extension has it."""
    if code is None:
        return struct.pack(">BBxxI", 4, down, symbol)
    return struct.pack(">BBHII", 255, 0, down, symbol, code)


def passed(made: Viewer, *messages: bytes) -> list[bool]:
    """Which of these go on; each as it is, or not at all."""
    found = []
    for message in messages:
        back, on = made.take(message)
        assert back == b"" and on in {b"", message}
        found.append(on == message)
    return found


THREE: Final = [
    ("symbols", [key(CONTROL, True), key(ALT, True), key(DELETE, True)]),
    ("places", [key(0, True, 0x1D), key(0, True, 0x38), key(0, True, 0xD3)]),
    ("right hand", [key(0, True, 0x9D), key(ALT_GR, True, 0xB8), key(DELETE, True, 0x53)]),
    ("another order", [key(DELETE, True), key(CONTROL, True), key(ALT, True)]),
    ("mixed", [key(CONTROL, True), key(A, True, 0x38), key(A, True, 0xD3)]),
    ("prefix", [key(0, True, 0xE01D), key(0, True, 0x38), key(0, True, 0xE053)]),
]


@pytest.mark.parametrize("keys", [keys for _, keys in THREE], ids=[name for name, _ in THREE])
def test_ctrl_alt_del_is_held_back_in_rescue_mode_alone(keys: list[bytes]) -> None:
    assert passed(begun(guarded=True), *keys) == [True, True, False]
    assert passed(begun(guarded=False), *keys) == [True, True, True]


def test_keys_that_were_let_go_count_no_more() -> None:
    made = begun(guarded=True)
    assert all(passed(made, key(CONTROL, True), key(CONTROL, False), key(ALT, True)))
    assert all(passed(made, key(DELETE, True), key(DELETE, False), key(A, True, 0x1D)))
    assert passed(made, key(DELETE, True)) == [False]
    assert all(passed(made, key(0, False, 0x1D), key(DELETE, True)))


def test_a_viewer_may_not_cut_the_power_and_says_only_what_is_known() -> None:
    made = begun(guarded=False)
    assert passed(made, bytes([250, 0, 1, 4])) == [False]
    encodings = struct.pack(">BxH5i", 2, 5, 0, -309, -316, -259, -258)
    assert made.take(encodings) == (b"", struct.pack(">BxH2i", 2, 2, 0, -258))
    for wrong in (b"\x63", bytes([255, 1]), struct.pack(">BxxxI", 6, 1 << 20)):
        with pytest.raises(NotRfb):
            begun(guarded=False).take(wrong)
    with pytest.raises(NotRfb):
        Viewer(guarded=False).take(b"GET / HTTP/1")


@pytest.mark.parametrize(
    "message",
    [
        bytes(20),
        struct.pack(">BBHHHH", 3, 1, 0, 0, 640, 480),
        struct.pack(">BBHH", 5, 1, 3, 4),
        struct.pack(">BxxxI", 6, 5) + b"paste",
        struct.pack(">Bxxxi", 6, -8) + bytes(8),
        struct.pack(">BxxxIB", 248, 1, 3) + b"abc",
        struct.pack(">BxHHBx", 251, 800, 600, 1) + bytes(16),
        struct.pack(">BBHHHH", 150, 1, 0, 0, 640, 480),
    ],
)
def test_a_message_passes_whole_however_it_is_cut(message: bytes) -> None:
    made = begun(guarded=True)
    found = b"".join(made.take(bytes([byte]))[1] for byte in message * 2)
    assert found == message * 2


def talked(theirs: Callable[[socket.socket], None], password: str = "") -> None:
    """``rfb.enter`` with a server that does ``theirs``."""
    ours, other = socket.socketpair()
    with ours, other, ThreadPoolExecutor(1) as pool:
        ours.settimeout(5)
        done = pool.submit(theirs, other)
        try:
            rfb.enter(ours, password)
        finally:
            done.result(5)


def test_a_screen_that_refuses_says_why() -> None:
    def refuses(other: socket.socket) -> None:
        other.sendall(rfb.VERSION + b"\0" + struct.pack(">I", 4) + b"full")

    def wants_tls(other: socket.socket) -> None:
        other.sendall(rfb.VERSION + bytes([1, 19]))

    def is_none(other: socket.socket) -> None:
        other.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")

    with pytest.raises(Refused, match="full"):
        talked(refuses)
    with pytest.raises(Refused, match="TLS"):
        talked(wants_tls, "word")
    with pytest.raises(HostTrouble):
        talked(is_none)


def ppm(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (720, 400), (shade, shade, shade)).save(out, "PPM")
    return out.getvalue()


def test_many_who_look_at_a_screen_cost_one_picture() -> None:
    clock, taken = Clock(), []
    pictures = Pictures(clock)
    arrived = threading.Barrier(5)

    def take() -> bytes:
        taken.append(1)
        return ppm(len(taken))

    def look(_: int) -> str:
        arrived.wait(10)
        return pictures.get(("web", "uuid"), take, small=False).tag

    with ThreadPoolExecutor(5) as pool:
        tags = set(pool.map(look, range(5)))
    assert len(tags) == len(taken) == 1
    small = pictures.get(("web", "uuid"), take, small=True)
    with Image.open(io.BytesIO(small.png)) as image:
        assert image.size == (320, 178)
    pictures.get(("web", "other"), take, small=True)
    assert len(taken) == 2
    clock.now += KEPT_S
    assert pictures.get(("web", "uuid"), take, small=False).tag not in tags


def test_a_host_that_fails_is_not_asked_by_everybody() -> None:
    clock, asked = Clock(), []
    pictures = Pictures(clock)

    def fail() -> bytes:
        asked.append(1)
        raise HostTrouble("no picture")

    for _ in range(3):
        with pytest.raises(HostTrouble):
            pictures.get(("web", "uuid"), fail, small=True)
    assert len(asked) == 1
    clock.now += KEPT_S
    assert pictures.get(("web", "uuid"), lambda: ppm(1), small=True).png


@pytest.mark.parametrize(
    ("listen", "port", "way"),
    [
        ("127.0.0.1", 5900, Way(Reach.HOST, "127.0.0.1", 5900)),
        ("", 5900, Way(Reach.HOST, "127.0.0.1", 5900)),
        ("0.0.0.0", 5901, Way(Reach.NETWORK, "web.example", 5901)),
        ("10.0.0.5", 5901, Way(Reach.NETWORK, "10.0.0.5", 5901)),
        ("", None, Way(Reach.NOWHERE)),
    ],
)
def test_a_viewers_file_is_made_where_it_leads_somewhere(
    listen: str, port: int | None, way: Way
) -> None:
    found = viewer.way(Graphics("vnc", listen, port, None), "web.example")
    assert found == way
    lines = viewer.file(found, "vnc", "a\n[virt-viewer]\nb").splitlines()
    assert lines[0] == "[virt-viewer]" and lines[-1] == "title=a [virt-viewer] b"
