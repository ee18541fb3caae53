"""The secrets of webhooks: from files or the environment, never from the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lifebuoy.errors import BadInput
from lifebuoy.settings.values import Webhook
from lifebuoy.webhooks.model import Hook, secret_of

_TOO_OPEN: Final = 0o027


def hooks_of(settings: Sequence[Webhook], environment: Mapping[str, str]) -> list[Hook]:
    """The webhooks of the settings with their secrets.

    Raises:
        BadInput: a secret is missing, cannot be read, is too short, or others may read it.
    """
    return [Hook(one.name, one.url, _secret(one, environment)) for one in settings]


def _secret(webhook: Webhook, environment: Mapping[str, str]) -> bytes:
    if (webhook.secret_file is None) is (not webhook.secret_variable):
        raise BadInput(
            f"webhook '{webhook.name}' needs one of secret_file and secret_variable",
            hint="docs/server.md, Webhooks",
        )
    if webhook.secret_file is not None:
        return secret_of(_content(webhook.secret_file))
    found = environment.get(webhook.secret_variable, "")
    if not found:
        raise BadInput(
            f"the variable {webhook.secret_variable} of webhook '{webhook.name}' is not set"
        )
    return secret_of(found)


def _content(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        content = path.read_text("utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not text") from None
    if mode & _TOO_OPEN:
        raise BadInput(
            f"others may read or write {path} (mode {mode & 0o777:04o})",
            hint=f"chmod 0600 {path}",
        )
    return content
