"""Settings from their three sources, merged, validated, each with its origin."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError
from pydantic_settings.sources.utils import parse_env_vars

from lifebuoy.errors import BadInput
from lifebuoy.settings.model import (
    NESTED,
    PREFIX,
    ClientModel,
    HostModel,
    ServerModel,
    SettingsModel,
)
from lifebuoy.settings.openid import OpenIdModel
from lifebuoy.settings.reading import SERVER_VARIABLE
from lifebuoy.settings.values import Found, Origin

_Tree = Mapping[str, Any]
_DEFAULT: Final = "default"
_SERVER: Final = ("client", "url")
_TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "server": ServerModel,
    "client": ClientModel,
    "openid": OpenIdModel,
    "hosts": HostModel,
}
#: How alike two names are of which one is the other misspelt.
_MISSPELT: Final = 0.9


@dataclass(frozen=True, slots=True)
class Sources:
    """What each source says, the strongest first."""

    flags: _Tree
    environment: _Tree
    file: _Tree
    path: Path

    def merged(self) -> dict[str, Any]:
        """All of it; tables are merged key by key."""
        return _merged(_merged(self.file, self.environment), self.flags)

    def of(self, key: tuple[str, ...]) -> str:
        """Which of them ``key`` is from, in words."""
        if _holds(self.flags, key):
            return "--server" if key == _SERVER else "--" + key[0].replace("_", "-")
        if _holds(self.environment, key):
            return variable(key)
        return str(self.path) if _holds(self.file, key) else _DEFAULT


def sources(flags: _Tree, environment: Mapping[str, str], in_file: _Tree, path: Path) -> Sources:
    """Ask the environment what it sets.

    Raises:
        BadInput: a variable that should hold JSON does not, or looks like one of ours misspelt.
    """
    named = dict(environment)
    if url := named.pop(SERVER_VARIABLE, ""):  # by its short name; the long one is another's
        named[variable(_SERVER, long=True)] = url
    _refuse_misspelt(named)
    try:
        return Sources(flags, _Environment(named)(), in_file, path)
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = variable((field[1],)) if field else "the environment"
        raise BadInput(
            f"{name} is not JSON", hint="set it by its parts: docs/settings.md"
        ) from None


def validated(said: Sources) -> Found:
    """The settings, and the origin of each.

    Raises:
        BadInput: an unknown key or a value that cannot be; its text repeats no value.
    """
    try:
        model = SettingsModel(**said.merged())
    except ValidationError as error:
        raise _refusal(error, said) from None
    origins = tuple(
        Origin(".".join(key), value, said.of(key)) for key, value in _leaves(model, said)
    )
    return Found(model.values(), origins, said.path)


def variable(key: tuple[str, ...], *, long: bool = False) -> str:
    """The environment variable of a key; by the rule where ``long``, else a shorter one if it has
    one."""
    if key == _SERVER and not long:
        return SERVER_VARIABLE
    return PREFIX + NESTED.join(part.upper() for part in key)


def masked(url: str) -> str:
    """A URL without its password, to be shown."""
    url = re.sub(r"(//[^/@]*?):[^/]*@", r"\1:***@", url)
    return re.sub(r"((?:^|[?&])password=)[^&]*", r"\1***", url)


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """A variable that is one letter off would be passed over without a word."""
    known = [variable((name,)) for name in SettingsModel.model_fields]
    for name in environment:
        if not name.startswith(PREFIX) or name.split(NESTED)[0] in known:
            continue
        if near := difflib.get_close_matches(name, known, n=1, cutoff=_MISSPELT):
            raise BadInput(f"unknown variable {name}", hint=f"did you mean {near[0]}?")


class _Environment(EnvSettingsSource):
    """The environment it is given, not this process's."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._given = environment
        super().__init__(SettingsModel)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return parse_env_vars(self._given, ignore_empty=True)


def _leaves(model: SettingsModel, said: Sources) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in SettingsModel.model_fields:
        value = getattr(model, name)
        if name == "hosts":
            for host in sorted(value):
                yield ("hosts", host, "uri"), value[host].uri
                if value[host].pool:
                    yield ("hosts", host, "pool"), value[host].pool
        elif name in {"server", "client", "openid"}:
            for key in type(value).model_fields:
                yield (name, key), _shown(key, getattr(value, key))
        else:
            yield (name,), masked(value) if name == "database" else value


def _shown(key: str, value: Any) -> Any:
    return "***" if key == "client_secret" and value else value


def _merged(below: _Tree, above: _Tree) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both else value
    return result


def _holds(tree: _Tree, key: tuple[str, ...]) -> bool:
    for part in key:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


def _refusal(error: ValidationError, said: Sources) -> BadInput:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    # a misspelt key comes before the one that is missing for it
    first = min(found, key=lambda one: one["type"] != "extra_forbidden")
    key = tuple(str(part) for part in first["loc"] if part != "[key]")
    name, source = ".".join(key), said.of(key[:-1] if first["type"] == "missing" else key)
    where = f"in {source}" if source in {str(said.path), _DEFAULT} else f"from {source}"
    if first["type"] == "extra_forbidden":
        return BadInput(f"unknown key '{name}' {where}", hint=_near(key))
    words = first["msg"].removeprefix("Value error, ")
    return BadInput(f"'{name}' {where}: {words}", hint="what may be set: docs/settings.md")


def _near(key: tuple[str, ...]) -> str:
    table: type[BaseModel] = SettingsModel if len(key) == 1 else _TABLES[key[0]]
    known = list(table.model_fields)
    near = difflib.get_close_matches(key[-1], known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
