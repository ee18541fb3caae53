"""The ``lifebuoy`` command and its global options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lifebuoy import __version__
from lifebuoy.cli import log, options
from lifebuoy.cli.complete import host_names
from lifebuoy.cli.group import RootGroup
from lifebuoy.cli.output import say
from lifebuoy.cli.session import Session

_EPILOG = """Example: a server does not boot any more.

$ lifebuoy rescue enter web1

$ lifebuoy repair web1

$ lifebuoy rescue exit web1

Exit status: 0 done, 1 failed, 2 bad input, 3 refused as things are, 4 not found, 5 somebody else
is at work on it, 6 trouble with the host, 130 interrupted and rolled back."""

app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"lifebuoy {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    connect: Annotated[
        str | None,
        typer.Option(
            "--connect",
            "-c",
            metavar="URI|HOST",
            help="The libvirt to use, such as qemu:///system, qemu+ssh://root@HOST/system, the "
            "name of a configured host, or embed for the one inside Lifebuoy. Else "
            "LIFEBUOY_CONNECT, else the setting connect, else all configured hosts, else the "
            "first that answers.",
            show_default=False,
            autocompletion=host_names,
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            help="Ask this server (lifebuoy serve) instead of libvirt: the same commands for its "
            "hosts, which --connect names. The API key is in LIFEBUOY_API_KEY or a file "
            "(docs/server.md). Else LIFEBUOY_SERVER, else the setting client.url; '' for none.",
            show_default=False,
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The settings to use. Else LIFEBUOY_CONFIG, else "
            "$XDG_CONFIG_HOME/lifebuoy/config.toml.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool, options.flag("--verbose", "-v", help="Write what happens inside to standard error.")
    ] = False,
    _version: Annotated[
        bool,
        options.flag("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Rescue mode for libvirt virtual machines that do not boot any more.

    The instance runs a rescue system from CD-ROM, its own disks attached and untouched; you repair
    them and leave, and it is exactly what it was.
    """
    log.set_up(verbose=verbose)
    context.obj = Session(connect, config_file, server)
