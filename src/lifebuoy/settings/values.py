"""The settings as the program uses them: plain values, already validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lifebuoy.hosts.place import Place
from lifebuoy.operations.retention import USUAL, Retention
from lifebuoy.settings.listening import LISTEN

HOST_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where ``lifebuoy serve`` listens, and how browsers see it; ``settings/listening.py``.

    ``key_file`` holds the key that seals secrets, None for one in the state folder; accounts of
    the roles ``second_factor`` must have one.
    """

    listen: str = LISTEN
    origin: str = ""
    key_file: Path | None = None
    second_factor: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OpenId:
    """An OpenID provider to sign in at; ``settings/openid.py`` says what each means. There is none
    where ``issuer`` is empty."""

    issuer: str = ""
    title: str = "OpenID"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_secret_file: Path | None = None
    ca_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    role_claim: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    create: bool = False


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
    openid: OpenId = OpenId()
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
