"""``lifebuoy rescue password``: a new password for a rescue system that was reset."""

from __future__ import annotations

import typer

from lifebuoy.cli import access, ask, options, output, progress, there
from lifebuoy.cli.durable import on_record_if_possible
from lifebuoy.cli.session import of
from lifebuoy.operations import password as operation
from lifebuoy.operations import shapes
from lifebuoy.operations.unrecorded import told_plainly
from lifebuoy.policy import check_password


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command(
        "password",
        epilog="Examples:\n\n$ lifebuoy rescue password web1\n\n"
        "$ lifebuoy rescue password web1 --generate-password",
    )(password)


def password(
    context: typer.Context,
    name: options.Name,
    password_stdin: options.PasswordStdin = False,
    generate_password: options.GeneratePassword = False,
    json: options.Json = False,
) -> None:
    """Set a new rescue password, in rescue mode, through the guest agent.

    A rescue system that was reset (not rebooted from inside) starts without its password, as the
    seed that brought it was wiped: then nobody can log in until this sets one. Only the rescue
    system's password changes; the instance's own are never touched.
    """
    session = of(context)
    secret = ask.password_given(from_stdin=password_stdin, generate=generate_password)
    if secret is None:
        secret = ask.password_prompted()
    if server := session.server:
        check_password(secret)
        at = there.Instance.named(session, server, name, as_json=json)
        reached = at.act_plainly("rescue/password", {"password": secret}, queue=False) or {}
        name, found_access = at.name, server.rescue(at.found).access
        is_new = bool(reached.get("new_host_key"))
    else:
        with (
            session.instance(name) as (found, name),
            on_record_if_possible(session, silent=json) as opened,
        ):
            if opened is None:
                changed = operation.change(found, name, secret)
            else:
                check_password(secret)
                opened.clear(found, operation.PASSWORD, name, silent=json)
                with told_plainly(), progress.shown(silent=True) as view:
                    given = operation.Secret(secret)
                    done = opened.perform(found, operation.PASSWORD, name, {}, view, given)
                    changed = done.outcome()
        found_access, is_new = changed.access, changed.new_host_key
    if json:
        output.print_json(
            {
                "instance": name,
                "password": secret if generate_password else None,
                "new_host_key": is_new,
                "access": shapes.access(found_access),
            }
        )
        return
    output.say("The rescue password is set.")
    if is_new:
        output.say("The rescue system made a new SSH host key; it is noted.")
    output.facts(
        [
            ("password", f"{secret}   (shown this once)" if generate_password else ""),
            *access.rows(session, name, found_access),
        ]
    )
