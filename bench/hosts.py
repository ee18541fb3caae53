"""Ten thousand instances on a hundred hosts: how long a list takes, and the status of one.

libvirt's test driver plays the hosts, each from a file of its own. It lives in our process: when a
connection is opened it reads and parses all definitions, which no real host does for its callers
(there the daemon has them already). So opening is measured by itself, and a list once the hosts
are open, as a process that lives on has them; then the whole commands, with all of it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from lxml import etree
from rich.console import Console
from rich.table import Table

from bench import record
from lifebuoy.hosts.finding import find
from lifebuoy.hosts.fleet import Fleet, opener
from lifebuoy.hosts.place import Place
from lifebuoy.image import Catalogue
from lifebuoy.model import Phase, Stay
from lifebuoy.operations.context import Context
from lifebuoy.operations.status import details, rescue_status, summaries
from lifebuoy.rescue import stay as stay_xml

HOSTS: Final = 100
INSTANCES: Final = 100
_ROUNDS: Final = 5
_TIMEOUT_S: Final = 120.0

_GOAL_LIST_S: Final = 1.0
_GOAL_STATUS_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds; medians where several rounds were run."""

    hosts: int
    instances: int
    opening: float
    listing: float
    showing: float
    status: float
    finding: float
    start: float
    list_command: float
    json_command: float
    show_command: float

    def rows(self) -> list[tuple[str, float, float | None]]:
        """What was measured, in words, with its goal where there is one."""
        return [
            ("opening all hosts (the test driver parses its files)", self.opening, None),
            ("list, hosts open", self.listing, _GOAL_LIST_S),
            ("rescue status of HOST/NAME, host open", self.status, _GOAL_STATUS_S),
            ("show HOST/NAME, host open", self.showing, _GOAL_STATUS_S),
            ("finding NAME on all hosts, open", self.finding, _GOAL_STATUS_S),
            ("command: lifebuoy --version (the interpreter's start)", self.start, None),
            ("command: lifebuoy list", self.list_command, None),
            ("command: lifebuoy list --json", self.json_command, None),
            ("command: lifebuoy show HOST/NAME", self.show_command, None),
        ]


def measure(folder: Path) -> Figures:
    """Make the hosts below ``folder`` and measure."""
    places = make(folder)
    host, name = places[HOSTS // 2].name, _name(HOSTS // 2, INSTANCES // 2)
    rescued, images = _name(HOSTS // 2, 0), Catalogue(folder / "images")
    with Fleet(places, opener(folder), timeout_s=_TIMEOUT_S) as fleet:
        opening = _seconds(lambda: fleet.ask(lambda _host: None))
        found = fleet.ask(summaries)
        assert sum(len(answer.value or ()) for answer in found) == HOSTS * INSTANCES
        listing = _median(lambda: fleet.ask(summaries))
        showing = _median(lambda: details(fleet.host(host), name))
        status = _median(lambda: rescue_status(Context(fleet.host(host), images, folder), rescued))
        finding = _median(lambda: find(fleet, name).sure())
    config = folder / "config.toml"
    return Figures(
        hosts=HOSTS,
        instances=HOSTS * INSTANCES,
        opening=opening,
        listing=listing,
        showing=showing,
        status=status,
        finding=finding,
        start=_median(lambda: _command("--version")),
        list_command=_seconds(lambda: _command("--config", str(config), "list")),
        json_command=_seconds(lambda: _command("--config", str(config), "list", "--json")),
        show_command=_median(lambda: _command("--config", str(config), "show", f"{host}/{name}")),
    )


def show(figures: Figures, console: Console) -> None:
    """Print the figures beside their goals."""
    table = Table(title=f"{figures.instances} instances on {figures.hosts} hosts (seconds)")
    for title in ("what", "took", "goal"):
        table.add_column(title, justify="left" if title == "what" else "right")
    for what, took, goal in figures.rows():
        met = "" if goal is None else f"{goal:g} {'met' if took < goal else 'MISSED'}"
        table.add_row(what, f"{took:.3f}", met)
    console.print(table)


def make(folder: Path) -> list[Place]:
    """The hosts' files and the settings that name them; one instance of each is in rescue mode."""
    places = []
    for number in range(HOSTS):
        node = etree.Element("node")
        node.extend(_domain(number, index) for index in range(INSTANCES))
        file = folder / f"host{number:03}.xml"
        file.write_bytes(etree.tostring(node))
        places.append(Place(f"host{number:03}", f"test://{file}"))
    lines = [f'[hosts.{place.name}]\nuri = "{place.uri}"\n' for place in places]
    (folder / "config.toml").write_text(f"host_timeout_s = {_TIMEOUT_S}\n" + "".join(lines))
    return places


def _domain(host: int, index: int) -> Any:
    name = _name(host, index)
    domain = etree.fromstring(
        f"<domain type='test'><name>{name}</name><uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"
        "</uuid><memory unit='MiB'>2048</memory><vcpu>2</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os><devices><disk type='file' device='disk'>"
        f"<source file='/disks/{name}.img'/><target dev='vda' bus='virtio'/></disk>"
        "<interface type='network'><source network='default'/>"
        f"<mac address='52:54:00:{host:02x}:{index:02x}:01'/></interface></devices></domain>"
    )
    if index == 0:
        stay = Stay(
            phase=Phase.RESCUE,
            session="0011223344556677",
            since="2026-01-31T12:00:00Z",
            was_running=True,
            autostart=False,
            image="lifebuoy",
            host_key="",
            original=etree.tostring(domain, encoding="unicode"),
        )
        stay = replace(stay, defined=stay.original)
        metadata = etree.SubElement(domain, "metadata")
        metadata.append(stay_xml.to_element(stay))
    return domain


def _name(host: int, index: int) -> str:
    return f"web-{host:03}-{index:03}"


def _command(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "lifebuoy", *words], stdout=subprocess.DEVNULL, check=True
    )


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _median(act: Callable[[], object]) -> float:
    return statistics.median(_seconds(act) for _ in range(_ROUNDS))


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and record."""
    output = record.folder_of(arguments, "hosts")
    with tempfile.TemporaryDirectory(prefix="lifebuoy-bench-") as folder:
        figures = measure(Path(folder))
    show(figures, Console())
    print(f"record: {record.keep('hosts', asdict(figures), output)}")


if __name__ == "__main__":
    main()
