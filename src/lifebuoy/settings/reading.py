"""Reading the settings: a flag beats the environment, which beats the file.

What is unknown or malformed is refused: a misspelt key that is silently ignored would lead to
another host or another database than the user thinks. Where nothing is set, pydantic is not
loaded, as that would be a third of the time of a plain command.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from platformdirs import user_config_path

from lifebuoy.errors import BadInput
from lifebuoy.settings.values import Found, Settings

#: Names another file than the usual one.
FILE_VARIABLE: Final = "LIFEBUOY_CONFIG"
#: The short name of ``client.url``.
SERVER_VARIABLE: Final = "LIFEBUOY_SERVER"
#: The API key: no setting, as those are shown.
KEY_VARIABLE: Final = "LIFEBUOY_API_KEY"
#: Variables that begin like settings and are none.
_NO_SETTINGS: Final = frozenset(
    {FILE_VARIABLE, KEY_VARIABLE, "LIFEBUOY_COMPLETE", "LIFEBUOY_CACHE"}
)


def default_path() -> Path:
    """The file of this user, where nobody names another."""
    return user_config_path("lifebuoy") / "config.toml"


def path_of(flag: Path | None, environment: Mapping[str, str]) -> Path:
    """The file to use: ``--config``, else LIFEBUOY_CONFIG, else this user's."""
    named = environment.get(FILE_VARIABLE)
    return flag or (Path(named).expanduser() if named else default_path())


def read(flags: Mapping[str, Any], environment: Mapping[str, str], path: Path) -> Settings:
    """All settings. ``flags`` are those of the command line, by key; None stands for not given.

    Raises:
        BadInput: the file cannot be read or is not TOML; an unknown key, or a value that cannot
            be. Its text repeats no value.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    in_file = file_content(path)
    if not given and not in_file and not _set_in(environment):
        return Settings()
    from lifebuoy.settings.validation import sources, validated

    return validated(sources(given, environment, in_file, path)).settings


def explained(flags: Mapping[str, Any], environment: Mapping[str, str], path: Path) -> Found:
    """The same, with the origin of each; see ``read``."""
    from lifebuoy.settings.validation import sources, validated

    given = {key: value for key, value in flags.items() if value is not None}
    return validated(sources(given, environment, file_content(path), path))


def file_content(path: Path) -> dict[str, Any]:
    """What the file says, not validated; empty where this user has none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path == default_path():
            return {}
        raise BadInput(f"there is no file {path}") from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} is not TOML: {error}",
            hint='for example: connect = "qemu:///system"; to use another file: --config FILE',
        ) from None


def _set_in(environment: Mapping[str, str]) -> bool:
    return any(
        name.upper().startswith("LIFEBUOY_") and value and name not in _NO_SETTINGS
        for name, value in environment.items()
    )
