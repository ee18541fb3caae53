"""The root command: turns every error, interrupt and wrong usage into words and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from lifebuoy.cli import failure, interrupt
from lifebuoy.cli.commands import Commands
from lifebuoy.errors import BadInput, Cancelled, LifebuoyError


class RootGroup(TyperGroup):
    """Typer's own handling of errors stays for the help; everything else is ours."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = Commands(  # type: ignore[assignment]  # none is added
            pretty_exceptions_short=True,
            rich_markup_mode=self.rich_markup_mode,
            suggest_commands=self.suggest_commands,
        )

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and end the process with its exit status."""
        words = list(sys.argv[1:] if args is None else args)

        def run() -> int:
            status = super(RootGroup, self).main(
                words, prog_name, complete_var, False, windows_expand_args, **extra
            )
            return status if isinstance(status, int) else 0

        sys.exit(_guarded(run, as_json=wants_json(words)))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Typer would end silently at Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Cancelled("interrupted") from error


def wants_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` is asked for; what follows ``--`` is somebody else's command."""
    ours = list(words)
    if "--" in ours:
        ours = ours[: ours.index("--")]
    return "--json" in ours


def _guarded(run: Callable[[], int], *, as_json: bool) -> int:
    try:
        with interrupt.handled():
            return run()
    except LifebuoyError as error:
        return failure.report(error, as_json=as_json)
    except typer.Abort:
        return failure.report(Cancelled("cancelled"), as_json=as_json)
    except typer.TyperException as error:
        return _usage(error, as_json)
    except BrokenPipeError:
        # Whoever read our output has enough; keep Python from complaining at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _usage(error: typer.TyperException, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    if context is None or type(error).__name__ == "NoArgsIsHelpError":
        show = getattr(error, "show", None)  # the help, where no command was given
        if callable(show):
            show()
        return error.exit_code
    wrong = BadInput(error.format_message(), hint=f"{context.command_path} --help")
    return failure.report(wrong, as_json=as_json)
