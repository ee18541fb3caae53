"""The user's settings: a flag beats the environment, which beats the configuration file.

The file is TOML, ``$XDG_CONFIG_HOME/lifebuoy/config.toml``. A key that is not known is refused:
a misspelt one that is silently ignored would lead to another host than the user thinks.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from platformdirs import user_config_path

from lifebuoy.errors import BadInput

CONNECT_VARIABLE: Final = "LIFEBUOY_CONNECT"


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says; ``connect`` is a libvirt URI, None where the file does not name one."""

    connect: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """The URI to use (None: the first host that answers) and where it was named."""

    uri: str | None
    source: str


def default_path() -> Path:
    """The configuration file of this user."""
    return user_config_path("lifebuoy") / "config.toml"


def read(path: Path) -> Config:
    """The settings in the file at ``path``; the defaults if there is no such file.

    Raises:
        BadInput: unreadable, not TOML, an unknown key, or a value of the wrong kind.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} is not TOML: {error}", hint='for example: connect = "qemu:///system"'
        ) from error
    for key, value in found.items():
        _require_known(path, key)
        if not isinstance(value, str) or not value:
            raise BadInput(
                f"in {path}, '{key}' must be a text in quotes",
                hint=f'for example: {key} = "qemu:///system"',
            )
    return Config(**found)


def choose(flag: str | None, environment: Mapping[str, str], path: Path) -> Connection:
    """Which libvirt to connect to.

    The file is not read where the flag or the environment decides, so that a broken file can be
    got around.

    Raises:
        BadInput: see ``read``.
    """
    if flag:
        return Connection(flag, "--connect")
    if environment.get(CONNECT_VARIABLE):
        return Connection(environment[CONNECT_VARIABLE], CONNECT_VARIABLE)
    config = read(path)
    return Connection(config.connect, str(path) if config.connect else "default")


def _require_known(path: Path, key: str) -> None:
    known = [field.name for field in fields(Config)]
    if key in known:
        return
    near = difflib.get_close_matches(key, known, n=1)
    raise BadInput(
        f"unknown key '{key}' in {path}",
        hint=f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}",
    )
