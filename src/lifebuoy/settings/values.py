"""The settings as the program uses them: plain values, already validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lifebuoy.hosts.place import Place
from lifebuoy.operations.retention import USUAL, Retention
from lifebuoy.settings.listening import LISTEN

HOST_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where ``lifebuoy serve`` listens, and how browsers see it; ``settings/listening.py``."""

    listen: str = LISTEN
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """The server that the command line asks instead of libvirt; ``url`` is empty for none.

    ``ca_file`` holds the authorities that its certificate is checked against, else the system's;
    ``key_file`` the API key, else a file beside the settings.
    """

    url: str = ""
    ca_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their defaults; ``settings/model.py`` says what each means."""

    connect: str = ""
    database: str = field(default="", repr=False)
    images: Path | None = None
    pool: str = ""
    host_timeout_s: float = HOST_TIMEOUT_S
    retention: Retention = USUAL
    server: Server = Server()
    client: Client = Client()
    hosts: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting, its value, and where that was found: ``default``, a variable, a file, a flag."""

    key: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Found:
    """The settings with the origin of each, in the order of the documentation."""

    settings: Settings
    origins: tuple[Origin, ...]
    path: Path
