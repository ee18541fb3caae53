"""``lifebuoy image``: build ours, add others, list, verify, remove, choose the default."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lifebuoy.cli import options, output
from lifebuoy.cli.complete import image_ids
from lifebuoy.cli.session import of
from lifebuoy.errors import BadInput
from lifebuoy.image import BuildProgress, Catalogue, Image
from lifebuoy.operations import images, shapes

_ON_SERVER: Final = (
    "on the server's machine: lifebuoy image ...; to use this machine's images: --server ''"
)

app = typer.Typer(
    no_args_is_help=True,
    help="The rescue images: build the one of Lifebuoy, add your own.",
    epilog="Example: $ lifebuoy image build",
)


@app.command("build", epilog="Example:\n\n$ lifebuoy image build")
def build(context: typer.Context, json: options.Json = False) -> None:
    """Build Lifebuoy's rescue image from Debian packages; takes some minutes.

    It replaces the one before only when it is whole; Ctrl-C leaves nothing half-made.
    """
    session = of(context)
    session.require_here("an image is built on the machine that keeps it", _ON_SERVER)
    catalogue = session.catalogue()
    began = time.monotonic()
    image = _build_quietly(catalogue) if json else _build_shown(catalogue)
    if json:
        output.print_json({"image": shapes.image(image)})
    else:
        seconds = time.monotonic() - began
        output.say(f"Image '{image.id}': {image.size_bytes >> 20} MiB in {seconds:.0f} s.")


@app.command("list", epilog="Example:\n\n$ lifebuoy image list")
def list_(context: typer.Context, json: options.Json = False) -> None:
    """List the rescue images; the default one is marked."""
    session = of(context)
    found = _tables().images(server) if (server := session.server) else session.catalogue().list()
    if json:
        output.print_json({"images": [shapes.image(image) for image in found]})
    elif not found:
        output.say("There is no rescue image yet. Make one: lifebuoy image build")
    else:
        output.out().print(_table(found))


@app.command(
    "add",
    epilog="Example:\n\n"
    "$ lifebuoy image add CentOS-7-live.iso --id centos7 --name 'CentOS 7.5 live' --sha256 5b61...",
)
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bootable ISO; it is copied.")],
    image_id: Annotated[str, typer.Option("--id", metavar="ID", help="The id it gets.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is, in words.")],
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", metavar="HEX", help="Its SHA-256 as its maker tells it."),
    ] = None,
    min_memory: Annotated[
        int, typer.Option("--min-memory", metavar="MIB", help="The memory it needs, in MiB.")
    ] = 512,
    json: options.Json = False,
) -> None:
    """Add a bootable ISO of your own, with a check of its SHA-256.

    An image without our agent and seed works too: what can be seen of its start is told.
    """
    if min_memory <= 0:
        raise BadInput("--min-memory must be greater than 0")
    session = of(context)
    session.require_here("an image is added on the machine that keeps it", _ON_SERVER)
    found = session.catalogue().add(
        file, image_id=image_id, name=name, sha256=sha256, min_memory_mib=min_memory
    )
    _tell(found, f"Added '{found.id}', sha256 {found.sha256}.", json)


@app.command("verify", epilog="Examples:\n\n$ lifebuoy image verify\n\n$ lifebuoy image verify ID")
def verify(
    context: typer.Context,
    image_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="The image; else the default one.",
            autocompletion=image_ids,
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Read an image whole and compare it with the SHA-256 noted when it was made or added."""
    session = of(context)
    if server := session.server:
        found = _tables().verify_image(server, image_id)
    else:
        found = session.catalogue().verify(image_id)
    _tell(found, f"'{found.id}' is whole, sha256 {found.sha256}.", json)


@app.command(
    "remove",
    epilog="Examples:\n\n$ lifebuoy image remove centos7\n\n"
    "$ lifebuoy image remove lifebuoy --host",
)
def remove(
    context: typer.Context,
    image_id: options.ImageId,
    host: Annotated[
        bool,
        options.flag(
            "--host", help="Remove its copy from the host instead, unless an instance uses it."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Forget an image and delete its file here; or, with --host, its copy on the host."""
    session = of(context)
    session.require_here("an image is removed on the machine that keeps it", _ON_SERVER)
    found = session.catalogue().get(image_id)
    if host:
        with session.context() as connected:
            images.remove_from_host(connected.host, found)
        _tell(found, f"The host has no copy of '{found.id}' any more.", json)
    else:
        session.catalogue().remove(image_id)
        _tell(found, f"Removed '{found.id}'.", json)


@app.command("default", epilog="Example:\n\n$ lifebuoy image default centos7")
def default(context: typer.Context, image_id: options.ImageId, json: options.Json = False) -> None:
    """Choose the image that is used when none is named."""
    session = of(context)
    if server := session.server:
        path = f"/images/{quote(image_id, safe='')}/default"
        found = _tables().image(server.link.send("PUT", path))
    else:
        found = session.catalogue().set_default(image_id)
    _tell(found, f"'{found.id}' is the default image.", json)


def _tables() -> ModuleType:
    """What a server tells of; loaded where one is asked."""
    from lifebuoy.client import tables

    return tables


def _tell(image: Image, words: str, json: bool) -> None:
    if json:
        output.print_json({"image": shapes.image(image)})
    else:
        output.say(words)


def _build_quietly(catalogue: Catalogue) -> Image:
    return catalogue.build(progress=lambda _progress: None)


def _build_shown(catalogue: Catalogue) -> Image:
    console = output.err()
    if not console.is_terminal:
        return catalogue.build(
            progress=lambda now: output.note(f"{now.done * 100:3.0f} %  {now.doing}")
        )
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("starting", total=1.0)

        def move(now: BuildProgress) -> None:
            bar.update(task, completed=now.done, description=now.doing)

        return catalogue.build(progress=move)


def _table(found: list[Image]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "ID", "NAME", "SIZE", "NEEDS", "SHA-256", ""):
        table.add_column(title, justify="right" if title == "SIZE" else "left")
    for image in found:
        table.add_row(
            "*" if image.is_default else "",
            image.id,
            image.name,
            f"{image.size_bytes >> 20} MiB",
            f"{image.min_memory_mib} MiB",
            image.sha256[:16],
            "" if image.is_current else "out of date: lifebuoy image build",
        )
    return table
