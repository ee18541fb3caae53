"""Arguments and options that several commands share, with their help and completion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lifebuoy.cli.complete import image_ids, instance_names
from lifebuoy.model import StopMode


def flag(*names: str, help: str, **more: Any) -> Any:
    """An option without a value."""
    return typer.Option(*names, help=help, metavar="", **more)


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The instance: its name, UUID or libvirt id; HOST/NAME where several hosts have one.",
        autocompletion=instance_names,
        show_default=False,
    ),
]
OnlyName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Only what concerns this instance: name or UUID.",
        show_default=False,
    ),
]
Json = Annotated[
    bool,
    flag("--json", help="Print the result as JSON (docs/json.md); errors are JSON on stderr."),
]
PasswordStdin = Annotated[
    bool,
    flag(
        "--password-stdin", help="Read the rescue password from the first line of standard input."
    ),
]
GeneratePassword = Annotated[
    bool,
    flag("--generate-password", help="Make a rescue password up and show it once."),
]
Passphrase = Annotated[
    bool,
    flag("--passphrase", help="Ask for the passphrase that opens the encrypted disks (LUKS)."),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE|-",
        help="Read it from the first line of this file; -: of standard input.",
        show_default=False,
    ),
]
Stop = Annotated[
    StopMode | None,
    typer.Option(
        "--stop",
        metavar="soft|soft-first|hard",
        help="How a running instance is stopped. soft: clean only, fail if it does not stop; "
        "soft-first: clean, then cut off (the default with consent); hard: cut off at once.",
        show_default=False,
    ),
]
Consent = Annotated[
    bool,
    flag(
        "--consent-force",
        help="Consent to a forced shutdown: it can lose unwritten data and damage the file system.",
    ),
]
StopTimeout = Annotated[
    float,
    typer.Option("--stop-timeout", metavar="S", help="Seconds given to a clean shutdown."),
]
Watch = Annotated[
    float,
    typer.Option("--watch", metavar="S", help="Seconds to watch the boot for a login; 0: do not."),
]
HostTimeout = Annotated[
    float | None,
    typer.Option(
        "--host-timeout",
        metavar="S",
        help="Seconds that each host has to answer; else the setting host_timeout_s.",
        show_default=False,
    ),
]
Queue = Annotated[
    bool,
    flag(
        "--queue",
        help="Leave it to a worker (lifebuoy worker) and come back at once; see it with "
        "lifebuoy operations watch.",
    ),
]
ImageId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The image's id.", autocompletion=image_ids),
]
OutputFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file to write.", show_default=False)
]
