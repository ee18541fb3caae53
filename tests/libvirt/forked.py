"""The product in processes of their own, forked off one that has loaded it.

Each has its own environment and standard streams, as if it had been started; what it does not do
is to load the same libraries again, which is most of the time that a short command takes.
``Command.words`` has what starts one from nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

_STREAMS: Final = ("in", "out", "err")
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(
    ["lifebuoy.cli", "lifebuoy.operations.serving", "lifebuoy.settings.validation", __name__]
)


def command(
    words: Sequence[str], environment: Mapping[str, str], stdin: str, timeout_s: float
) -> tuple[int, str, str]:
    """Run ``lifebuoy WORDS``: exit status, standard output and standard error."""
    return _run(partial(_be_the_command, list(words)), environment, stdin, timeout_s)


def script(
    text: str, words: Sequence[str], environment: Mapping[str, str], stdin: str, timeout_s: float
) -> tuple[int, str, str]:
    """Run ``python -c TEXT WORDS`` likewise."""
    return _run(partial(_be_the_script, text, list(words)), environment, stdin, timeout_s)


def _run(
    act: Callable[[], None], environment: Mapping[str, str], stdin: str, timeout_s: float
) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory(prefix="lb-forked-") as name:
        folder = Path(name)
        (folder / "in").write_text(stdin)
        process = _server.Process(target=_begin, args=(act, dict(environment), folder))
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError((folder / "err").read_text(errors="replace"))
        out, err = ((folder / name).read_text() for name in ("out", "err"))
        return process.exitcode, out, err


def _begin(act: Callable[[], None], environment: Mapping[str, str], folder: Path) -> None:
    for number, name in enumerate(_STREAMS):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
        opened = os.open(folder / name, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    os.environ.clear()
    os.environ.update(environment)
    act()


def _be_the_command(words: list[str]) -> None:
    from lifebuoy.cli import main

    sys.argv = ["lifebuoy", *words]
    main()


def _be_the_script(text: str, words: list[str]) -> None:
    sys.argv = ["-c", *words]
    exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})
