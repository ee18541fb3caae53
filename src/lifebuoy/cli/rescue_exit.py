"""``lifebuoy rescue exit``: back to what was, with a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer
from rich.text import Text

from lifebuoy.cli import ask, booted, durable, options, output, progress, there
from lifebuoy.cli.durable import OnRecord
from lifebuoy.cli.operations import queued
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import DefinitionChanged
from lifebuoy.model import BootVerdict, ChangePolicy
from lifebuoy.operations import boot
from lifebuoy.operations.boot import BootReport
from lifebuoy.operations.leave import LEAVE, LeaveRequest, Left, leave, packed


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command(
        "exit",
        epilog="Examples:\n\n$ lifebuoy rescue exit web1\n\n"
        "$ lifebuoy rescue exit web1 --changes drop --watch 0\n\n"
        "Exit status: 1 also when something is not as it was recorded; see lifebuoy --help.",
    )(exit_)


def exit_(
    context: typer.Context,
    name: options.Name,
    force: Annotated[
        bool,
        options.flag("--force", help="Leave even while a file system of the instance is in use."),
    ] = False,
    changes: Annotated[
        ChangePolicy,
        typer.Option(
            "--changes",
            metavar="refuse|keep|drop",
            help="What happens to edits that somebody made to the definition during rescue mode.",
        ),
    ] = ChangePolicy.REFUSE,
    keep_nvram: Annotated[
        bool,
        options.flag(
            "--keep-nvram", help="Take over the UEFI boot entries that the rescue system wrote."
        ),
    ] = False,
    watch: options.Watch = 120.0,
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Leave rescue mode: exactly the definition, devices, autostart flag and run state of before.

    What you changed on the disks is kept. The rescue system is asked to unmount first; an instance
    that ran before is started and its boot watched. One that was stopped stays stopped.
    """
    session = of(context)
    request = LeaveRequest(name, force, changes, keep_nvram, watch)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        out = _leave_there(at, request, queue=queue, as_json=json)
        if out is not None:
            _tell(name, at.name, out, as_json=json)
        return
    if queue:
        with session.instance(name) as (found, name):
            asked = packed(replace(request, name=name))
            queued(session, found, LEAVE, name, asked, as_json=json)
        return
    with durable.on_record_if_possible(session, silent=json) as opened:
        left = _leave(session, opened, request, as_json=json)
    _tell(name, session.plain(name), _out(left), as_json=json)


@dataclass(frozen=True, slots=True)
class _Out:
    """How an instance came out, as it is told."""

    session: str
    since: str
    was_running: bool
    boot: BootReport
    differences: tuple[str, ...]
    kept_changes: tuple[str, ...]


def _out(left: Left) -> _Out:
    stay = left.stay
    return _Out(
        stay.session, stay.since, stay.was_running, left.boot, left.differences, left.kept_changes
    )


def _tell(ref: str, name: str, out: _Out, *, as_json: bool) -> None:
    if as_json:
        output.print_json(_facts(name, out))
    else:
        _show(ref, out)
    if out.differences:
        raise typer.Exit(1)


def _facts(name: str, left: _Out) -> dict[str, object]:
    """The documented shape: docs/schema/rescue-exit.json."""
    return {
        "instance": name,
        "session": left.session,
        "was_running": left.was_running,
        "boot": booted.as_json(left.boot),
        "differences": list(left.differences),
        "kept_changes": list(left.kept_changes),
    }


def _leave_there(
    at: there.Instance, request: LeaveRequest, *, queue: bool, as_json: bool
) -> _Out | None:
    """Leave by a server; where the definition was edited meanwhile, ask and leave as told."""
    body = {
        "force": request.force,
        "changes": request.changes,
        "keep_nvram": request.keep_nvram,
        "watch_s": request.watch_s,
    }
    try:
        result = at.act("rescue/exit", body, queue=queue)
    except DefinitionChanged as error:
        if queue or not _may_ask(request, as_json=as_json):
            raise
        decided = _decided(error)
    else:
        if result is None:
            return None
        return _Out(
            result["session"],
            result["since"],
            result["was_running"],
            boot.report_of(result["boot"]),
            tuple(result["differences"]),
            tuple(result["kept_changes"]),
        )
    # not in the handler above: while an error is handled, Ctrl-C is not listened to
    return _leave_there(at, replace(request, changes=decided), queue=queue, as_json=as_json)


def _may_ask(request: LeaveRequest, *, as_json: bool) -> bool:
    return not as_json and output.interactive() and request.changes is ChangePolicy.REFUSE


def _leave(
    session: Session, opened: OnRecord | None, request: LeaveRequest, *, as_json: bool
) -> Left:
    """Leave; where the definition was edited meanwhile, ask and leave as told."""
    try:
        with (
            session.instance(request.name) as (found, name),
            progress.shown(silent=as_json) as view,
        ):
            asked = replace(request, name=name)
            if opened is None:
                return leave(found, asked, view)
            return opened.perform(found, LEAVE, name, packed(asked), view).outcome()
    except DefinitionChanged as error:
        if not _may_ask(request, as_json=as_json):
            raise
        decided = _decided(error)
    # not in the handler above: while an error is handled, Ctrl-C is not listened to
    return _leave(session, opened, replace(request, changes=decided), as_json=as_json)


def _decided(error: DefinitionChanged) -> ChangePolicy:
    """Ask what happens to the edits; anything unclear leaves all as it is."""
    told, edits = error.message.partition("\n")[0], error.edits
    output.note(told)
    output.note(output.diff_text(edits))
    answer = ask.choice("Keep these edits, drop them, or stay in rescue mode? [keep/drop/STAY]")
    try:
        chosen = ChangePolicy(answer)
    except ValueError:
        raise error from None
    if chosen is ChangePolicy.REFUSE:
        raise error
    return chosen


def _show(name: str, left: _Out) -> None:
    output.say(f"'{name}' has left rescue mode; it was there since {left.since}.")
    if left.differences:
        output.say(Text("NOT as recorded:", "bold red"), *(f"  {d}" for d in left.differences))
    else:
        output.say("Definition, autostart, media and run state are as they were recorded.")
    if left.kept_changes:
        output.say("Kept edits of the definition:", output.diff_text(left.kept_changes))
    if left.boot.verdict is BootVerdict.NOT_STARTED:
        output.say("It stays stopped, as it was before.")
        return
    style = {BootVerdict.LOGIN: "green", BootVerdict.FAILED: "bold red"}
    output.say(Text.assemble("Boot: ", (left.boot.words, style.get(left.boot.verdict, ""))))
    if left.boot.verdict is BootVerdict.FAILED:
        output.say("It can enter rescue mode again; nothing on the disks was lost by leaving.")
