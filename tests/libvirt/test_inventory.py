"""A remembered list shows what is: whoever changes it, whatever is lost on the way."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from lifebuoy.errors import HostTrouble, LifebuoyError
from lifebuoy.hosts.fleet import Answer, Fleet, opener
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.image import Catalogue
from lifebuoy.model import InstanceState, RunState
from lifebuoy.operations import asking
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.context import Context
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.inventory import EVERYTHING_S
from lifebuoy.operations.listing import Listed, Order, Query, rows
from lifebuoy.operations.overview import Overview
from lifebuoy.operations.power import START, STOP, StopRequest, packed
from lifebuoy.operations.status import InstanceSummary, summaries
from lifebuoy.rescue import record
from lifebuoy.store import open_database, records, schema
from tests.conftest import Daemon, definition, session_daemon
from tests.libvirt import playing
from tests.libvirt.command import until
from tests.libvirt.test_glance import stay

T = TypeVar("T")
PATIENCE_S: Final = 3.0
DEADLINE_S: Final = 60.0

pytestmark = pytest.mark.usefixtures("play_folder")


class Hosts:
    """Hosts as a server reaches them; ``places`` may be changed."""

    def __init__(self, folder: Path, *places: Place) -> None:
        self._fleet = Fleet(places, opener(folder), timeout_s=PATIENCE_S)

    @property
    def places(self) -> tuple[Place, ...]:
        return self._fleet.places

    @property
    def connected(self) -> int:
        return len(self.places)

    @property
    def catalogue(self) -> Catalogue:
        raise NotImplementedError

    def become(self, *places: Place) -> None:
        self._fleet.become(places)

    def ask(
        self, question: Callable[[Host], T], names: Iterable[str] | None = None
    ) -> list[Answer[T]]:
        return self._fleet.ask(question, None, names)

    def context(self, name: str) -> Context:
        raise NotImplementedError

    def host(self, name: str) -> Host:
        return self._fleet.host(name, DEADLINE_S)

    def close(self) -> None:
        self._fleet.close()


@contextmanager
def watching(
    folder: Path, *places: Place, everything_s: float = EVERYTHING_S
) -> Iterator[tuple[Hosts, Overview]]:
    hosts = Hosts(folder, *places)
    overview = Overview(hosts, PATIENCE_S, everything_s)
    overview.start()
    try:
        yield hosts, overview
    finally:
        overview.stop()
        hosts.close()


def play(folder: Path, instances: int, name: str = "play") -> Place:
    below = folder / name
    below.mkdir()
    return Place(name, f"test://{playing.play_host(below, instances)}")


def listed(overview: Overview) -> dict[str, InstanceSummary]:
    """By name, of hosts that all answer."""
    found = overview.listed(None)
    assert not [one.error for one in found if one.error]
    return {one.name: one for _, one in rows(found)}


def states(overview: Overview) -> dict[str, str]:
    return {name: one.run_state.value for name, one in listed(overview).items()}


def virsh(daemon: Daemon, *words: str, stdin: str = "") -> None:
    """What somebody else does, by libvirt's own tool."""
    done = subprocess.run(
        ["virsh", "-q", "-c", daemon.uri, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def own_daemon() -> Iterator[Daemon]:
    with session_daemon() as made:
        yield made


def test_what_others_do_from_another_process_is_seen(tmp_path: Path, own_daemon: Daemon) -> None:
    with watching(tmp_path, Place("web", own_daemon.uri)) as (_, overview):
        assert listed(overview) == {}
        virsh(own_daemon, "define", "/dev/stdin", stdin=definition("vm"))
        assert until(lambda: states(overview) == {"vm": "stopped"}, DEADLINE_S)
        virsh(own_daemon, "start", "--paused", "vm")
        try:
            assert until(lambda: states(overview) == {"vm": "paused"}, DEADLINE_S)
            virsh(own_daemon, "resume", "vm")
            assert until(lambda: states(overview) == {"vm": "running"}, DEADLINE_S)
        finally:
            virsh(own_daemon, "destroy", "vm")
        assert until(lambda: states(overview) == {"vm": "stopped"}, DEADLINE_S)
        virsh(own_daemon, "domrename", "vm", "other")
        assert until(lambda: states(overview) == {"other": "stopped"}, DEADLINE_S)
        virsh(own_daemon, "undefine", "other")
        assert until(lambda: states(overview) == {}, DEADLINE_S)


def test_a_stay_that_another_process_writes_down_is_seen(
    tmp_path: Path, own_daemon: Daemon
) -> None:
    virsh(own_daemon, "define", "/dev/stdin", stdin=definition("vm"))
    other = Fleet([Place("web", own_daemon.uri)], opener(tmp_path), timeout_s=DEADLINE_S)
    with other, watching(tmp_path, Place("web", own_daemon.uri)) as (_, overview):
        assert listed(overview)["vm"].state is InstanceState.STOPPED
        domain = other.host("web").domain("vm")
        plain = domain.xml()
        record.write(domain, stay(domain))
        assert until(lambda: listed(overview)["vm"].state is InstanceState.RESCUE_MODE, DEADLINE_S)
        record.erase(other.host("web"), domain, plain)
        assert until(lambda: listed(overview)["vm"].state is InstanceState.STOPPED, DEADLINE_S)


def test_after_a_lost_connection_all_is_read_anew(tmp_path: Path, own_daemon: Daemon) -> None:
    with watching(tmp_path, Place("web", own_daemon.uri)) as (_, overview):
        virsh(own_daemon, "define", "/dev/stdin", stdin=definition("before"))
        assert until(lambda: set(listed(overview)) == {"before"}, DEADLINE_S)
        own_daemon.signal(signal.SIGKILL)
        own_daemon.process.wait(DEADLINE_S)
        (lost,) = overview.listed(None)
        assert lost.error is not None and lost.instances == ()
        own_daemon.start()
        virsh(own_daemon, "undefine", "before")
        virsh(own_daemon, "define", "/dev/stdin", stdin=definition("after"))
        assert until(lambda: is_back(overview), DEADLINE_S)
        assert set(listed(overview)) == {"after"}
        virsh(own_daemon, "undefine", "after")  # its events come by the new connection
        assert until(lambda: listed(overview) == {}, DEADLINE_S)


def is_back(overview: Overview) -> bool:
    return all(one.error is None for one in overview.listed(None))


def test_a_host_that_hangs_is_told_and_its_instances_are_not_in_the_list(
    tmp_path: Path, own_daemon: Daemon
) -> None:
    virsh(own_daemon, "define", "/dev/stdin", stdin=definition("vm"))
    places = (Place("web", own_daemon.uri), play(tmp_path, 2))
    with watching(tmp_path, *places) as (hosts, overview):
        assert set(listed(overview)) == {"vm", "vm0", "vm1"}
        own_daemon.signal(signal.SIGSTOP)
        overview.mark(hosts.host("web"), listed_uuid(overview, "vm"))
        for _ in range(20):  # each but the first without a wait, or this takes a minute
            page, found = overview.page(Query(), None)
            assert [one.name for _, one in page.rows] == ["vm0", "vm1"]
            assert [one.error.code for one in found if one.error] == ["host-silent"]
        own_daemon.signal(signal.SIGCONT)
        assert until(lambda: is_back(overview), DEADLINE_S)
        assert set(listed(overview)) == {"vm", "vm0", "vm1"}


def test_that_a_host_hangs_is_known_though_nobody_asks_it(
    tmp_path: Path, own_daemon: Daemon
) -> None:
    with watching(tmp_path, Place("web", own_daemon.uri)) as (_, overview):
        assert listed(overview) == {}
        overview.require_answering("web")
        own_daemon.signal(signal.SIGSTOP)
        assert until(lambda: trouble(overview) == "host-silent", DEADLINE_S)
        own_daemon.signal(signal.SIGCONT)
        assert until(lambda: trouble(overview) == "", DEADLINE_S)


def trouble(overview: Overview) -> str:
    try:
        overview.require_answering("web")
    except LifebuoyError as error:
        return error.code
    return ""


def listed_uuid(overview: Overview, name: str) -> str:
    """Its UUID, as far as is remembered: nothing is asked."""
    (inventory,) = [one for one in overview._inventories.values() if one.place.name == "web"]
    (found,) = [uuid for uuid, one in inventory._known.items() if one.name == name]
    return found


def test_what_libvirt_tells_nothing_of_is_seen_where_it_was_marked(tmp_path: Path) -> None:
    with watching(tmp_path, play(tmp_path, 1)) as (hosts, overview):
        assert not listed(overview)["vm0"].autostart
        host = hosts.host("play")
        for wanted in (True, False) * 50:
            host.domain("vm0").autostart = wanted
            overview.mark(host, host.domain("vm0").uuid)
            assert listed(overview)["vm0"].autostart is wanted


def test_what_libvirt_tells_nothing_of_is_seen_after_a_while(tmp_path: Path) -> None:
    with watching(tmp_path, play(tmp_path, 3), everything_s=0.5) as (hosts, overview):
        assert not listed(overview)["vm0"].autostart
        hosts.host("play").domain("vm0").autostart = True
        assert until(lambda: listed(overview)["vm0"].autostart, DEADLINE_S)


def test_more_marks_than_are_kept_are_as_good_as_all(tmp_path: Path) -> None:
    with watching(tmp_path, play(tmp_path, 3)) as (hosts, overview):
        assert not listed(overview)["vm0"].autostart
        host = hosts.host("play")
        host.domain("vm0").autostart = True
        (inventory,) = overview._inventories.values()
        with inventory._changed:  # its thread reads none of them meanwhile
            for number in range(20_050):
                overview.mark(host, f"00000000-0000-4000-a000-{number:012d}")
        assert listed(overview)["vm0"].autostart and len(listed(overview)) == 3


def test_a_libvirt_that_tells_nothing_is_asked_at_each_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silence(_host: Host, _changed: Any) -> None:
        raise HostTrouble("this libvirt tells nothing")

    monkeypatch.setattr(Host, "on_change", silence)
    with watching(tmp_path, play(tmp_path, 3)) as (hosts, overview):
        for wanted in (True, False) * 10:
            hosts.host("play").domain("vm0").autostart = wanted
            assert listed(overview)["vm0"].autostart is wanted


def test_a_list_never_contradicts_an_operation_that_has_ended(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/operations.sqlite")
    schema.prepare(database)
    with watching(tmp_path, play(tmp_path, 1)) as (hosts, overview):
        host = hosts.host("play")
        host.domain("vm0").destroy()
        engine = Engine(database)
        unfinished: list[bool] = []

        def about_to_end(there: Host, uuid: str) -> None:
            with database.reading() as connection:
                unfinished.append(bool(records.unfinished(connection, instance=uuid)))
            overview.mark(there, uuid)

        engine.about_to_end = about_to_end
        context = playing.context(host, tmp_path)
        stop = packed(StopRequest("vm0"))
        try:
            for _ in range(15):
                start(engine, context, START, {"watch_s": 0})
                assert states(overview) == {"vm0": "running"}
                start(engine, context, STOP, stop)
                assert states(overview) == {"vm0": "stopped"}
        finally:
            engine.close()
    assert unfinished == [True] * 30


def start(engine: Engine, context: Context, kind: Any, request: Any) -> None:
    asking.perform(engine, context, kind, context.host.domain("vm0"), request, Asker("test"))


def test_many_changes_at_once_end_in_what_is(tmp_path: Path) -> None:
    with watching(tmp_path, play(tmp_path, 40)) as (hosts, overview):
        host = hosts.host("play")

        def change(first: int) -> None:
            for turn in range(5):
                for number in range(first, 40, 4):
                    toggle(host.domain(f"vm{number}"))
                overview.listed(None)
                extra = host.define(
                    playing._DOMAIN.format(
                        name=f"x{first}", uuid=f"00000000-0000-4000-9000-{first:012d}"
                    )
                )
                if turn < 4 or first % 2:
                    extra.undefine()

        threads = [threading.Thread(target=change, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        assert until(lambda: listed(overview) == {o.name: o for o in summaries(host)}, DEADLINE_S)
        assert {"x0", "x2"} < set(listed(overview)) and "x1" not in listed(overview)


def toggle(domain: Domain) -> None:
    domain.destroy() if domain.active else domain.start()


def test_hosts_that_come_and_go_are_followed(tmp_path: Path) -> None:
    first, second = play(tmp_path, 1, "a"), play(tmp_path, 2, "b")
    with watching(tmp_path, first) as (hosts, overview):
        assert [one.name for one in overview.listed(None)] == ["a"]
        hosts.become(first, second)
        found = overview.listed(None)
        assert [(one.name, len(one.instances)) for one in found] == [("a", 1), ("b", 2)]
        hosts.become(second)
        page, _ = overview.page(Query(order=Order.HOST), None)
        assert [host for host, _ in page.rows] == ["b", "b"]
        assert until(lambda: "inventory-a" not in thread_names(), DEADLINE_S)
    assert until(lambda: "inventory-b" not in thread_names(), DEADLINE_S)


def thread_names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_an_owner_sees_what_is_given_and_no_other_count(tmp_path: Path) -> None:
    with watching(tmp_path, play(tmp_path, 3)) as (_, overview):
        (inventory,) = overview._inventories.values()
        uuid = listed(overview)["vm1"].uuid
        sees = frozenset({(inventory._daemon, uuid), ("elsewhere", listed(overview)["vm2"].uuid)})
        page, found = overview.page(Query(), sees)
        assert [one.name for _, one in page.rows] == ["vm1"] and page.total == 1
        assert counts(found) == [1]
        assert counts(overview.page(Query(), frozenset())[1]) == [0]


def counts(found: list[Listed[InstanceSummary]]) -> list[int]:
    return [len(one.instances) for one in found]


def test_a_host_that_cannot_be_reached_is_told_with_the_reason(tmp_path: Path) -> None:
    nowhere = Place("nowhere", "qemu+unix:///system?socket=/nowhere")
    with watching(tmp_path, nowhere, play(tmp_path, 1)) as (_, overview):
        for _ in range(3):
            refused, good = overview.listed(None)
            assert refused.error and refused.error.code == "cannot-connect"
            assert [one.run_state for one in good.instances] == [RunState.RUNNING]
