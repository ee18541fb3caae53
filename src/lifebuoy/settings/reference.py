"""Writes docs/settings.md from the settings themselves: ``python -m lifebuoy.settings.reference``.

A test compares the file with this, so that what is documented is what is read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lifebuoy.settings.model import (
    NESTED,
    PREFIX,
    ClientModel,
    HostModel,
    ServerModel,
    SettingsModel,
)
from lifebuoy.settings.openid import OpenIdModel
from lifebuoy.settings.validation import variable

#: Said by their keys; a variable for a whole table would be JSON.
_TABLES: Final = frozenset({"server", "client", "openid"})
_HEAD: Final = """# Settings

Made by `python -m lifebuoy.settings.reference > docs/settings.md`; do not edit it by hand.

An option on the command line beats the environment, which beats the file. `lifebuoy config show`
prints every setting, its value, and where that came from. Nothing has to be set: without a file
Lifebuoy uses the first libvirt that answers, and a database of its own in this user's state folder.

The file is TOML, `$XDG_CONFIG_HOME/lifebuoy/config.toml`, that is `~/.config/lifebuoy/config.toml`.
`--config FILE` or LIFEBUOY_CONFIG name another; `/dev/null` is one without settings. An unknown key
or a value that cannot be is refused, wherever it stands. `lifebuoy host add` and `remove` edit the
file and keep its comments.

```toml
database = "postgresql://lifebuoy@db.example/lifebuoy"
host_timeout_s = 3

[hosts.here]
uri = "qemu:///system"

[hosts.web]
uri = "qemu+ssh://root@web.example/system"

[hosts."db.rack2"]    # a name with dots stands in quotes
uri = "qemu+tls://db.example/system"
pool = "media"
```
"""

_TAIL: Final = """## Hosts in the environment

`{variable}` sets one key of one host, such as `LIFEBUOY_HOSTS__WEB__URI`; names
with other characters than letters, digits and underscores need `LIFEBUOY_HOSTS` as a whole, an
object of JSON. What file and environment say of hosts is put together.

## Secrets

An API key is no setting: it is in LIFEBUOY_API_KEY or the file of `client.key_file`, which must be
its user's alone (0600), and never on the command line, where others see it.

Two settings may hold a secret: `openid.client_secret`, for which a file or the variable is better,
and `database`. Better keep its password out of it: PostgreSQL's own `~/.pgpass` or PGPASSFILE serve
(mode 0600). A file with a password in it should be its user's alone: `chmod 0600`, as `lifebuoy
host add` makes it. `lifebuoy config show` shows neither, and no log, error or record holds one.
URIs of hosts with a password are refused.

## Names of hosts

1 to 63 lower-case letters, digits, dots, dashes and underscores, with a letter or digit at both
ends; not `embed`, which stands for the libvirt inside Lifebuoy where a URI is asked for.
"""


def page() -> str:
    """The whole page, Markdown."""
    of_host = PREFIX + NESTED.join(("HOSTS", "NAME", "KEY"))
    sections = [
        "## Keys\n",
        *(_lines(SettingsModel.model_fields, "")),
        "\n## Keys of the server: `[server]`\n",
        *(_lines(ServerModel.model_fields, "server.")),
        "\n## Keys of an OpenID provider: `[openid]`\n",
        *(_lines(OpenIdModel.model_fields, "openid.")),
        "\n## Keys of the client: `[client]`\n",
        *(_lines(ClientModel.model_fields, "client.")),
        "\n## Keys of a host: `[hosts.NAME]`\n",
        *(_lines(HostModel.model_fields, "hosts.NAME.")),
    ]
    return "\n".join([_HEAD, *sections, "", _TAIL.format(variable=of_host)])


def _lines(fields: dict[str, FieldInfo], prefix: str) -> Iterator[str]:
    for name, field in fields.items():
        yield f"- `{prefix}{name}`: {field.description}{_default(field)}{_variable(name, prefix)}"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if field.is_required():
        return " Required."
    if isinstance(value, BaseModel):
        return ""
    return "" if value in (None, "", {}, []) else f" Default: {json.dumps(value)}."


def _variable(name: str, prefix: str) -> str:
    if prefix.startswith("hosts") or (prefix == "" and name in _TABLES):
        return ""
    return f" Variable: `{variable((*prefix.split('.')[:-1], name))}`."


if __name__ == "__main__":
    sys.stdout.write(page())
