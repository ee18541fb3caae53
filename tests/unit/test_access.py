"""Waiting for the rescue system: when it counts as reached, and when waiting is no use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import cast

from lifebuoy.hypervisor import Domain, SshHop
from lifebuoy.rescue.access import Access, Seen, wait

NOWHERE = SshHop("box", program="/no/such/ssh")


@dataclass
class Agent:
    """Answers from its ``after``-th call on."""

    after: int = 0
    asked: int = 0

    def ping(self, _timeout_s: float) -> bool:
        self.asked += 1
        return self.asked > self.after


@dataclass
class Machine:
    agent: Agent = field(default_factory=Agent)
    active: bool = True


def access(via: SshHop | None = None, *, obstacle: str = "", host: str = "127.0.0.1") -> Access:
    return Access(host, 2222, "", via, "", True, obstacle=obstacle)


def ticking(step_s: float) -> Callable[[], float]:
    steps = count()
    return lambda: next(steps) * step_s


def seen(found: Access, machine: Machine, *, needs_agent: bool = True, step_s: float = 5) -> Seen:
    return wait(
        lambda: found,
        cast(Domain, machine),
        "Quiet-Word-5",
        timeout_s=300,
        needs_agent=needs_agent,
        clock=ticking(step_s),
    )[1]


def test_where_the_host_has_no_ssh_the_agent_is_enough_at_once() -> None:
    told = seen(access(obstacle="no SSH to go through"), Machine(Agent(after=2)), step_s=1)
    assert told == Seen(agent=True, ssh=False, obstacle="no SSH to go through")
    assert "the guest agent answers" in told.words and "no SSH to go through" in told.words


def test_where_the_way_through_the_host_is_shut_it_is_tried_for_a_while() -> None:
    told = seen(access(NOWHERE), Machine())
    assert (told.agent, told.ssh) == (True, False) and "/no/such/ssh" in told.obstacle


def test_an_image_without_the_agent_is_not_waited_for_where_nothing_can_be_seen() -> None:
    told = seen(access(obstacle="none"), Machine(Agent(after=999)), needs_agent=False, step_s=20)
    assert told == Seen(agent=False, ssh=False, obstacle="none")
    assert "neither" in told.words


def test_a_machine_that_stops_is_not_waited_for() -> None:
    told = seen(access(), Machine(Agent(after=999), active=False), step_s=0)
    assert told == Seen(agent=False, ssh=False)
