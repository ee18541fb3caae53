"""A channel to a real screen: by the socket that libvirt hands over, and by its password."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from lifebuoy.console import rfb
from lifebuoy.console.channel import open_screen
from lifebuoy.errors import Refused
from lifebuoy.hypervisor import Domain, Host
from tests.conftest import definition

Made = Callable[[Host, str], Domain]


def test_a_screen_is_entered_without_its_password_and_with_it(embedded: Host, made: Made) -> None:
    domain = made(embedded, definition("screened"))
    domain.start(paused=True)
    channel = open_screen(embedded, domain)
    try:
        channel.stream.setblocking(True)
        channel.stream.settimeout(10)
        channel.stream.sendall(b"\1")
        assert channel.stream.recv(4) == b"\2\x80\1\xe0"  # 640 x 480
    finally:
        channel.close()

    place = domain.graphics()[0].socket
    assert place is not None
    for word, good in (
        (domain.graphics_password(0), True),
        ("wrong", False),
        ("", False),
    ):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(10)
            stream.connect(place)
            if good:
                rfb.enter(stream, word)
            else:
                with pytest.raises(Refused):
                    rfb.enter(stream, word)


def test_a_machine_without_vnc_is_refused_in_words(embedded: Host, made: Made) -> None:
    text = definition("unseen")
    before, _, rest = text.partition("<graphics")
    domain = made(embedded, before + rest.partition("</graphics>")[2])
    domain.start(paused=True)
    with pytest.raises(Refused, match="it has no screen"):
        open_screen(embedded, domain)
