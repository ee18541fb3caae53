"""``lifebuoy host``: which hosts there are, and whether each is fit for rescue mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from lifebuoy.cli import columns, options, output
from lifebuoy.cli.complete import host_names
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import CannotConnect, HostSilent, NotFound
from lifebuoy.hosts.fleet import Answer
from lifebuoy.hosts.place import Place, require_name, require_uri
from lifebuoy.hypervisor import CheckItem
from lifebuoy.operations.check import check, passed, without_host

if TYPE_CHECKING:
    from lifebuoy.client.server import Server

app = typer.Typer(
    no_args_is_help=True,
    help="The hosts that run the instances: name them, look at them.",
    epilog="Example: $ lifebuoy host add web qemu+ssh://root@web.example/system",
)

_SETTINGS: Final = "the settings are those of this machine"
#: KVM is tried with a small guest, which may take its time.
_CHECK_S: Final = 120.0
_VERDICTS = {True: ("ok", "green"), False: ("FAULT", "bold red"), None: ("note", "yellow")}

NewName = Annotated[
    str, typer.Argument(metavar="NAME", help="What you call it: lower-case letters, digits, . _ -")
]
HostName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The host.", autocompletion=host_names),
]
AnyHostName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The host; else all, or the one of --connect.",
        autocompletion=host_names,
        show_default=False,
    ),
]


@app.command(
    "add",
    epilog="Examples:\n\n$ lifebuoy host add web qemu+ssh://root@web.example/system\n\n"
    "$ lifebuoy host add db qemu+tls://db.example/system\n\n"
    "$ lifebuoy host add here qemu:///system",
)
def add(
    context: typer.Context,
    name: NewName,
    uri: Annotated[str, typer.Argument(metavar="URI", help="Its libvirt URI.")],
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            metavar="POOL",
            help="The storage pool there for Lifebuoy's media; else one is made.",
            show_default=False,
        ),
    ] = "",
    json: options.Json = False,
) -> None:
    """Name a host. It is written into the file of the settings; nothing is installed there.

    It is not connected to: for that, lifebuoy host check NAME. A URI with a password is refused.
    """
    session = of(context)
    session.require_here(_SETTINGS)
    place = Place(require_name(name), require_uri(uri), pool)
    from lifebuoy.settings.editing import add_host  # the TOML writer: only where it is needed

    add_host(session.config_path, place)
    if json:
        output.print_json({"host": place})
        return
    output.say(f"Host '{name}' is {uri}.", f"Look at it: lifebuoy host check {name}")
    if session.settings.connect:
        output.note("The setting connect names one host: the others are reached by HOST/NAME only.")


@app.command("list", epilog="Example:\n\n$ lifebuoy host list")
def list_(context: typer.Context, json: options.Json = False) -> None:
    """List the hosts as they are configured; none of them is asked."""
    session = of(context)
    if server := session.server:
        from lifebuoy.client import tables

        hosts = tuple(place for place in tables.places(server) if place.name)
    else:
        hosts = session.settings.hosts
    if json:
        output.print_json({"hosts": hosts})
    elif not hosts:
        output.say("No host is configured. Add one: lifebuoy host add NAME URI")
    else:
        rows = [(place.name, place.uri, place.pool) for place in hosts]
        columns.show(("NAME", "URI", "POOL"), rows)


@app.command("remove", epilog="Example:\n\n$ lifebuoy host remove web")
def remove(context: typer.Context, name: HostName, json: options.Json = False) -> None:
    """Forget a host. Nothing on it is touched; what is in rescue mode there stays so."""
    from lifebuoy.settings.editing import remove_host

    session = of(context)
    session.require_here(_SETTINGS)
    remove_host(session.config_path, name)
    if json:
        output.print_json({"host": {"name": name}})
    else:
        output.say(f"Host '{name}' is forgotten.")


@app.command(
    "check",
    epilog="Examples:\n\n$ lifebuoy host check\n\n$ lifebuoy host check web\n\n"
    "$ lifebuoy --connect qemu+ssh://root@HOST/system host check --json\n\n"
    "Exit status: 0 nothing stands in the way, 1 something does.",
)
def check_(context: typer.Context, name: AnyHostName = None, json: options.Json = False) -> None:
    """Check whether a host can do rescue mode: libvirt, QEMU, whether KVM really works, storage,
    firmware, programs, the rescue image.

    Without a name all configured hosts are checked at the same time. A note is worth knowing; a
    FAULT stands in the way. Each says what to do.
    """
    session = of(context)
    if server := session.server:
        _check_there(server, name or session.connect_flag, json)
    elif name is None and not session.many:
        _check_one(session, json)
    else:
        _check_many(session, [name] if name else None, json)


def _check_one(session: Session, json: bool) -> None:
    try:
        with session.context() as found:
            items = check(found)
    except CannotConnect as error:
        items = without_host(error, session.catalogue())
    _tell_one(items, json)


def _tell_one(items: list[CheckItem], json: bool) -> None:
    if json:
        output.print_json({"ok": passed(items), "items": items, "hosts": []})
    else:
        output.out().print(_table(items))
    if not passed(items):
        raise typer.Exit(1)


def _check_many(session: Session, names: list[str] | None, json: bool) -> None:
    with session.fleet() as fleet:
        answers = fleet.ask(lambda host: check(session.context_of(host)), _CHECK_S, names)
    _tell_many({answer.place: answer.value or _no_answer(answer) for answer in answers}, json)


def _check_there(server: Server, name: str | None, json: bool) -> None:
    """The hosts of a server, one after the other."""
    from lifebuoy.client import tables

    places = [place for place in tables.places(server) if name in {None, place.name}]
    if not places:
        raise NotFound(f"the server has no host '{name}'", hint="lifebuoy host list")
    found = {place: tables.check(server, place) for place in places}
    if len(places) == 1 and not places[0].name:
        _tell_one(found[places[0]], json)
    else:
        _tell_many(found, json)


def _tell_many(found: dict[Place, list[CheckItem]], json: bool) -> None:
    if json:
        hosts = [
            {"name": place.name, "uri": place.uri, "ok": passed(items), "items": items}
            for place, items in found.items()
        ]
        output.print_json({"ok": all(map(passed, found.values())), "items": [], "hosts": hosts})
    for place, items in found.items() if not json else ():
        output.say(Text(f"{place.name}  {place.uri}", "bold"))
        output.out().print(_table(items), "")
    if not all(map(passed, found.values())):
        raise typer.Exit(1)


def _no_answer(answer: Answer[list[CheckItem]]) -> list[CheckItem]:
    error = answer.error or HostSilent("no answer")
    return [CheckItem("libvirt", False, error.message, error.hint)]


def _table(items: list[CheckItem]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for item in items:
        word, style = _VERDICTS[item.ok]
        detail = Text(item.detail)
        if item.hint:
            detail.append(f"\n{item.hint}", "dim")
        table.add_row(Text(word, style), item.name, detail)
    return table
