"""An instance in rescue mode, for tests that share one stay because a boot costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab import login
from lab.login import Verdict
from lifebuoy.errors import AgentUnavailable
from lifebuoy.hypervisor import Domain
from lifebuoy.model import Stay
from lifebuoy.operations import password as passwords
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import Entered, enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import access, record
from lifebuoy.rescue.access import Access
from tests.boot import inside
from tests.boot.inside import Shell

READY_S = 300.0


@dataclass
class Visit:
    """One stay. ``password`` is the one that opens the rescue system now."""

    context: Context
    domain: Domain
    password: str
    entered: Entered

    @property
    def stay(self) -> Stay:
        """What the instance's own metadata say of it."""
        found = record.read(self.domain)
        assert found is not None, "it is not in rescue mode"
        return found

    def access(self) -> Access:
        """The way in, opened where it is shut."""
        return access.find(self.context.host, self.domain, self.stay.host_key, open_way=True)

    @contextmanager
    def shell(self, *, timeout_s: float = inside.ANSWER_S) -> Iterator[Shell]:
        """A shell in the rescue system, whose host key must be the one that was told."""
        way = self.access()
        assert way.ssh_port is not None
        with inside.shell(
            way.ssh_port, self.password, host_key=way.host_key, timeout_s=timeout_s
        ) as opened:
            yield opened

    def verdict(self, word: str) -> Verdict:
        """Whether that password opens the rescue system, whatever its host key."""
        port = self.access().ssh_port
        assert port is not None
        return login.over_ssh(port, word, timeout_s=READY_S).verdict

    def start_number(self) -> str:
        """Differs from one start of the rescue system's kernel to the next."""
        answer = self.domain.agent.read_file("/proc/sys/kernel/random/boot_id")
        return answer.decode().strip()

    def wait_restarted(self, start_number: str) -> None:
        """Wait until a newly started rescue system answers."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                if self.start_number() != start_number:
                    return
            except AgentUnavailable:
                time.sleep(0.5)
        raise AssertionError("the rescue system did not come back")

    def change_password(self, word: str) -> passwords.PasswordChanged:
        """Set another one."""
        changed = passwords.change(self.context, self.domain.name, word)
        self.password = word
        return changed


@contextmanager
def visit(context: Context, domain: Domain, request: EnterRequest) -> Iterator[Visit]:
    """Enter rescue mode; left at the end, if it was not before."""
    entered = enter(context, request)
    yield Visit(context, domain, request.password, entered)
    if record.read(domain) is not None:
        leave(context, LeaveRequest(domain.name, force=True, watch_s=0))
