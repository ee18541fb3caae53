"""Several parts of a process listen to what happens on one connection to a host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lifebuoy.hypervisor import Domain, Host
from tests.conftest import definition
from tests.libvirt.command import until


@pytest.mark.parametrize("kind", ["test_driver", "embedded", "session_host"])
def test_all_who_listen_hear_of_it_until_they_stop(
    kind: str, request: pytest.FixtureRequest, made: Callable[[Host, str], Domain]
) -> None:
    host: Host = request.getfixturevalue(kind)
    first: list[str] = []
    second: list[str] = []
    end_first = host.on_change(lambda uuid, _what: first.append(uuid))
    end_second = host.on_change(lambda uuid, _what: second.append(uuid))
    domain = made(host, definition("heard").replace("type='qemu'", f"type='{type_of(kind)}'"))
    assert until(lambda: domain.uuid in first and domain.uuid in second)
    end_first()
    end_first()  # twice is fine
    before = len(first)
    second.clear()
    host.define(domain.xml().replace("<devices>", "<description>x</description><devices>"))
    assert until(lambda: domain.uuid in second)
    assert len(first) == before
    end_second()
    end_third = host.on_change(lambda uuid, _what: first.append(uuid))
    host.define(domain.xml().replace("<description>x", "<description>y"))
    assert until(lambda: len(first) > before)
    end_third()


def type_of(kind: str) -> str:
    return "test" if kind == "test_driver" else "qemu"
