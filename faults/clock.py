"""A clock that jumps: what this process takes for the time of day, not the machine's own clock.

Time that is waited by does not jump, as the kernel's own does not.
"""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable
from typing import Any, Final

_TRUE: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(time, name) for name in ("time", "time_ns", "gmtime", "localtime", "strftime")
}
_OURS: Final = ("lifebuoy", "dbos")
_ahead_s = 0.0


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=_ahead_s)


def jump(seconds: float) -> None:
    """From now on it is so much later than it was (earlier, if below zero)."""
    global _ahead_s
    if not seconds:
        return
    _ahead_s += seconds
    _set("time", lambda: _TRUE["time"]() + _ahead_s)
    _set("time_ns", lambda: _TRUE["time_ns"]() + int(_ahead_s * 10**9))
    _set("gmtime", lambda at=None: _TRUE["gmtime"](_at(at)))
    _set("localtime", lambda at=None: _TRUE["localtime"](_at(at)))
    _set("strftime", lambda form, at=None: _TRUE["strftime"](form, at or time.localtime()))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OURS and vars(module).get("datetime") is datetime.datetime:
            setattr(module, "datetime", _Datetime)  # noqa: B010 - mypy knows no such name


def _at(seconds: float | None) -> float:
    return time.time() if seconds is None else seconds


def _set(name: str, call: Callable[..., Any]) -> None:
    setattr(time, name, call)
