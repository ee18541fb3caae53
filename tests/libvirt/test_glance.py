"""A list sees of every instance what a look at it alone shows, with fewer calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.hypervisor.atonce import each
from lifebuoy.model import InstanceState, Phase, RunState, Stay
from lifebuoy.operations.status import InstanceSummary, details, summaries
from lifebuoy.rescue import record
from tests.libvirt.test_lookup import minimal

Change = Callable[[Domain], None]


def stay(domain: Domain) -> Stay:
    return Stay(
        phase=Phase.RESCUE,
        session="0011223344556677",
        since="2026-01-31T12:00:00Z",
        was_running=True,
        autostart=True,
        image="lifebuoy",
        host_key="",
        original=domain.xml().replace("8192</memory>", "1048576</memory>"),
    )


def nothing(_domain: Domain) -> None:
    return


def start(domain: Domain) -> None:
    domain.start()


def pause(domain: Domain) -> None:
    domain.start()
    domain.pause()


def start_with_the_host(domain: Domain) -> None:
    domain.autostart = True


def enter(domain: Domain) -> None:
    record.write(domain, stay(domain))


@pytest.mark.parametrize(
    ("change", "state", "run_state"),
    [
        (nothing, InstanceState.STOPPED, RunState.STOPPED),
        (start, InstanceState.RUNNING, RunState.RUNNING),
        (pause, InstanceState.RUNNING, RunState.PAUSED),
        (start_with_the_host, InstanceState.STOPPED, RunState.STOPPED),
        (enter, InstanceState.RESCUE_MODE, RunState.STOPPED),
    ],
)
def test_a_list_shows_what_a_look_at_one_shows(
    test_driver: Host, change: Change, state: InstanceState, run_state: RunState
) -> None:
    domain = test_driver.define(minimal("seen"))
    try:
        change(domain)
        seen = listed(test_driver, "seen")
        assert (seen.state, seen.run_state) == (state, run_state)
        assert seen == details(test_driver, "seen").summary
        assert seen.autostart == (change in {start_with_the_host, enter})
        assert seen.memory_mib == (1024 if change is enter else 8)
        assert (seen.since, seen.image) == (
            ("2026-01-31T12:00:00Z", "lifebuoy") if change is enter else ("", "")
        )
    finally:
        domain.destroy()
        domain.undefine()


def test_a_passing_instance_is_listed_too(embedded: Host, tmp_path: Path) -> None:
    xml = minimal("passing").replace("'test'", "'qemu'").replace("8192", "16384")
    domain = embedded.launch(xml.replace("<type>", "<type arch='x86_64'>"), paused=True)
    try:
        seen = listed(embedded, "passing")
        assert (seen.run_state, seen.autostart, seen.id) == (RunState.PAUSED, False, domain.id)
    finally:
        domain.destroy()
    assert not [one for one in summaries(embedded) if one.name == "passing"]


def test_names_come_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "host.xml"
    file.write_text("<node>" + "".join(minimal(name) for name in "cab") + "</node>")
    with connect(f"test://{file}", state_dir=tmp_path) as host:
        assert [one.name for one in summaries(host)] == ["a", "b", "c"]


def listed(host: Host, name: str) -> InstanceSummary:
    (found,) = [one for one in summaries(host) if one.name == name]
    return found


def test_several_calls_at_once_keep_their_order_and_raise_the_first_error() -> None:
    assert each(lambda n: n * n, list(range(50)), threads=8) == [n * n for n in range(50)]
    assert each(str, [], threads=8) == []
    with pytest.raises(ZeroDivisionError):
        each(lambda n: 1 // n, [1, 0, 1], threads=2)
