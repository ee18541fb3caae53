"""Parts of a test in a process of its own: one that may be killed, or may have an empty home."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final

_DEADLINE_S: Final = 300.0
_HOMES: Final = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")


def run(part: Callable[..., Any], *arguments: Any) -> Any:
    """What ``part`` returns, a function at the top of a module; what it raises is raised here."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(part, *arguments).result(_DEADLINE_S)


def run_until_killed(part: Callable[..., object], *arguments: Any) -> None:
    """Run ``part``, which must kill its process before its end."""
    try:
        run(part, *arguments)
    except BrokenProcessPool:
        return
    raise AssertionError("it came to its end")


def die() -> None:
    """What kill -9 does to this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def empty_home(folder: Path) -> Mapping[str, str]:
    """The environment of a user who has never seen Lifebuoy."""
    shutil.rmtree(folder, ignore_errors=True)
    homes = {name: str(folder / name.lower()) for name in (*_HOMES, "LIFEBUOY_IMAGES")}
    for path in homes.values():
        Path(path).mkdir(parents=True)
    return homes
