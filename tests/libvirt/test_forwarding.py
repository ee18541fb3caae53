"""Reading and changing QEMU's port forwards, against texts that QEMU printed."""

from __future__ import annotations

import pytest

from lifebuoy.errors import HostTrouble, Refused
from lifebuoy.hypervisor import forwarding
from lifebuoy.hypervisor.forwarding import Forward

USERNET = """\
Hub -1 (hostnet0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[ESTABLISHED]   21       127.0.0.1 40000       10.0.2.15    22     0     0
  TCP[HOST_FORWARD]  17       127.0.0.1 36901       10.0.2.15    22     0     0
Hub -1 (hostnet1):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  18               *  8080       10.0.2.15    80     0     0
"""
EMPTY = "Hub -1 (hostnet0):\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port\n"


class Monitor:
    """A QEMU monitor that answers from a script and remembers what it was asked."""

    def __init__(self, *usernet: str, answer: str = "") -> None:
        self.usernet, self.answer = list(usernet), answer
        self.asked: list[str] = []

    def __call__(self, command: str) -> str:
        if command == "info usernet":
            return self.usernet.pop(0) if len(self.usernet) > 1 else self.usernet[0]
        self.asked.append(command)
        return self.answer


def test_forwards_are_read_with_their_network() -> None:
    assert forwarding.forwards(USERNET) == [
        Forward("hostnet0", "127.0.0.1", 36901, 22),
        Forward("hostnet1", "*", 8080, 80),
    ]


def test_an_existing_forward_is_used_again() -> None:
    monitor = Monitor(USERNET)
    assert forwarding.forward_ssh(monitor, ["hostnet0"], "vm") == 36901
    assert monitor.asked == []


def test_a_new_forward_listens_on_loopback_and_lets_qemu_choose_the_port() -> None:
    monitor = Monitor(EMPTY, USERNET)
    assert forwarding.forward_ssh(monitor, ["hostnet0"], "vm") == 36901
    assert monitor.asked == ["hostfwd_add hostnet0 tcp:127.0.0.1:0-:22"]


def test_an_error_that_qemu_prints_as_text_is_an_error() -> None:
    monitor = Monitor(EMPTY, answer="could not set up host forwarding rule\r\n")
    with pytest.raises(HostTrouble, match="could not set up"):
        forwarding.forward_ssh(monitor, ["hostnet0"], "vm")


def test_without_a_user_mode_network_it_is_refused() -> None:
    with pytest.raises(Refused):
        forwarding.forward_ssh(Monitor(EMPTY), [], "vm")
    assert forwarding.ssh_port(Monitor(EMPTY), []) is None


def test_removing_names_the_network_that_has_the_forward() -> None:
    monitor = Monitor(USERNET, EMPTY)
    forwarding.remove(monitor, ["hostnet0", "hostnet1"], 36901, "vm")
    assert monitor.asked == ["hostfwd_remove hostnet0 tcp:127.0.0.1:36901"]
