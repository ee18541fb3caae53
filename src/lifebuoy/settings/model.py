"""What may be set, what it means and what is refused: the schema of file and environment.

The one list that ``docs/settings.md`` is made from. The rest of the program gets ``Settings`` of
``values.py`` and never loads this where nothing is set.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lifebuoy.errors import BadInput
from lifebuoy.hosts.place import Place, require_name, require_uri
from lifebuoy.operations.retention import USUAL, Retention
from lifebuoy.settings.listening import LISTEN, listen_of, require_origin, require_server
from lifebuoy.settings.openid import OpenIdModel
from lifebuoy.settings.values import HOST_TIMEOUT_S, Client, Server, Settings

PREFIX: Final = "LIFEBUOY_"
NESTED: Final = "__"


def _checked(check: Callable[[str], str], value: str) -> str:
    try:
        return check(value)
    except BadInput as error:
        raise ValueError(f"{error.message}: {error.hint}".removesuffix(": ")) from error


def _name(value: str) -> str:
    return _checked(require_name, value)


def _uri(value: str) -> str:
    return _checked(require_uri, value)


def _connect(value: str) -> str:
    return _uri(value) if ":" in value or value == "embed" else _name(value)


def _listen(value: str) -> str:
    return _checked(lambda text: str(listen_of(text)), value)


def _origin(value: str) -> str:
    return _checked(require_origin, value)


def _server(value: str) -> str:
    return _checked(require_server, value)


HostName = Annotated[str, AfterValidator(_name)]


class HostModel(BaseModel):
    """One host."""

    model_config = ConfigDict(extra="forbid", strict=True)

    uri: Annotated[str, AfterValidator(_uri)] = Field(
        description="The libvirt URI of the host, such as qemu:///system, "
        "qemu+ssh://root@HOST/system or qemu+tls://HOST/system. It must hold no password."
    )
    pool: str = Field(
        default="",
        description="The storage pool there that holds Lifebuoy's media; else `pool`, else one "
        "named lifebuoy, which is made.",
    )


class ServerModel(BaseModel):
    """The server: ``lifebuoy serve``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        default=LISTEN,
        description="Where it listens, HOST:PORT; an IPv6 address stands in brackets.",
    )
    origin: Annotated[str, AfterValidator(_origin)] = Field(
        default="",
        description="The address at which browsers see it where a proxy stands before it, such as "
        "https://rescue.example; with https, cookies are sent over that alone.",
    )
    key_file: Annotated[Path | None, Field(strict=False)] = Field(
        default=None,
        description="The file of the key that seals the secrets of second factors (mode 0600); "
        "else one of this user's. It is made where there is none. Servers that share a database "
        "share it.",
        examples=["/etc/lifebuoy/server.key"],
    )
    second_factor: list[Literal["admin", "operator", "owner"]] = Field(
        default=[],
        description="Roles whose accounts must have a second factor to sign in with a password; "
        "the others may.",
        examples=[["admin"]],
    )

    def values(self) -> Server:
        """The same as the rest of the program takes it."""
        return Server(
            self.listen,
            self.origin,
            self.key_file.expanduser() if self.key_file else None,
            frozenset(self.second_factor),
        )


class ClientModel(BaseModel):
    """The server that the command line speaks to, instead of to libvirt."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Annotated[str, AfterValidator(_server)] = Field(
        default="",
        description="The address of a server (`lifebuoy serve`) that is asked for everything, such "
        "as https://rescue.example; `--server`. Plain http is taken on loopback only.",
    )
    ca_file: Annotated[Path | None, Field(strict=False)] = Field(
        default=None,
        description="Certificates (PEM) of the authorities that its certificate may be of; else "
        "those of this system.",
    )
    key_file: Annotated[Path | None, Field(strict=False)] = Field(
        default=None,
        description="The file with the API key, readable by this user alone (0600); else "
        "`api-key` beside the file of the settings. The variable LIFEBUOY_API_KEY beats both.",
    )


class SettingsModel(BaseSettings):
    """All that may be set."""

    model_config = SettingsConfigDict(
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_ignore_empty=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: ``validation`` asks each source itself, to tell the origins."""
        return (init_settings,)

    connect: Annotated[str, AfterValidator(_connect)] | None = Field(
        default=None,
        description="The one host to use: a libvirt URI, or the name of a host below. Where it is "
        "not set, all hosts below are used; without any, the first libvirt that answers here.",
        examples=["qemu:///system"],
    )
    database: str = Field(
        default="",
        description="Where operations are recorded: a URL such as "
        "postgresql://lifebuoy@db.example/lifebuoy, which several machines can share. Else a file "
        "of this user's. Shown without its password.",
        examples=["postgresql://lifebuoy@db.example/lifebuoy"],
    )
    images: Path | None = Field(
        default=None,
        description="The folder of the rescue images; else one of this user's.",
        examples=["/var/lib/lifebuoy/images"],
    )
    pool: str = Field(
        default="",
        description="The storage pool on the hosts that holds Lifebuoy's media; else one named "
        "lifebuoy, which is made.",
        examples=["default"],
    )
    host_timeout_s: float = Field(
        default=HOST_TIMEOUT_S,
        gt=0,
        le=600,
        description="Seconds that a host has to answer where several are asked at the same time.",
    )
    operations_kept_days: int = Field(
        default=USUAL.days,
        ge=1,
        le=36500,
        description="Days for which operations that have ended stay on record; the audit log "
        "stays anyhow. Of several users of one database the one who keeps least counts.",
    )
    operations_kept_newest: int = Field(
        default=USUAL.newest,
        ge=0,
        le=1_000_000,
        description="So many of the newest of them stay on record however old they are.",
    )
    server: ServerModel = Field(
        default=ServerModel(),
        description="The server, a table: [server].",
    )
    openid: OpenIdModel = Field(
        default=OpenIdModel(),
        description="An OpenID provider to sign in at beside passwords, a table: [openid].",
    )
    client: ClientModel = Field(
        default=ClientModel(),
        description="The server that commands speak to, a table: [client].",
    )
    hosts: dict[HostName, HostModel] = Field(
        default={},
        description="The hosts, a table each: [hosts.NAME].",
    )

    def values(self) -> Settings:
        """The same as the rest of the program takes it."""
        return Settings(
            connect=self.connect or "",
            database=self.database,
            images=self.images.expanduser() if self.images else None,
            pool=self.pool,
            host_timeout_s=self.host_timeout_s,
            retention=Retention(self.operations_kept_days, self.operations_kept_newest),
            server=self.server.values(),
            openid=self.openid.values(),
            client=Client(
                self.client.url,
                self.client.ca_file.expanduser() if self.client.ca_file else None,
                self.client.key_file.expanduser() if self.client.key_file else None,
            ),
            hosts=tuple(
                Place(name, host.uri, host.pool or self.pool)
                for name, host in sorted(self.hosts.items())
            ),
        )
