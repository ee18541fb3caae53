"""The API key that a server is asked with: from the environment, or a file of this user's alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lifebuoy.errors import BadInput, NotSignedIn
from lifebuoy.settings.reading import KEY_VARIABLE

_KEY: Final = re.compile(r"[!-~]{8,200}")
_OTHERS: Final = 0o077


def api_key(environment: Mapping[str, str], file: Path) -> str:
    """LIFEBUOY_API_KEY, else the first line of ``file``.

    Raises:
        NotSignedIn: there is neither.
        BadInput: others can read the file, or it holds no key. No text repeats what it holds.
    """
    if given := environment.get(KEY_VARIABLE, "").strip():
        return _checked(given, KEY_VARIABLE)
    try:
        with file.open(encoding="utf-8") as opened:
            mode = file.stat().st_mode
            line = opened.readline().strip()
    except FileNotFoundError:
        raise NotSignedIn(
            "there is no API key for the server",
            hint=f"put it into {file} (0600), or into {KEY_VARIABLE}; an admin makes one: "
            "lifebuoy api-key add ACCOUNT",
        ) from None
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"the API key cannot be read from {file}") from None
    if mode & _OTHERS:
        raise BadInput(f"others can read the API key in {file}", hint=f"chmod 0600 {file}")
    return _checked(line, str(file))


def _checked(key: str, source: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadInput(f"what {source} holds is no API key", hint="lifebuoy api-key add ACCOUNT")
    return key
