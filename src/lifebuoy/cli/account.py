"""``lifebuoy account``: who may use the server, and what each may see."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from lifebuoy.cli import ask, columns, durable, options, output
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import BadInput
from lifebuoy.operations.daemon import daemon_of

if TYPE_CHECKING:
    from lifebuoy.accounts.model import Account, Grant, Role

app = typer.Typer(
    no_args_is_help=True,
    help="The accounts of the server (lifebuoy serve): who may sign in, and what each may do.",
    epilog="Example: $ lifebuoy account add ana --role admin",
)

_SIGN_IN = "how somebody proves who he is, is changed on the server's machine"

Name = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The name of the account.", show_default=False)
]
PasswordStdin = Annotated[
    bool,
    options.flag(
        "--password-stdin", help="Read the password from the first line of standard input."
    ),
]
GeneratePassword = Annotated[
    bool, options.flag("--generate-password", help="Make a password up and show it once.")
]


@app.command(
    "add",
    epilog="Examples:\n\n$ lifebuoy account add ana --role admin\n\n"
    "$ lifebuoy account add ben --generate-password",
)
def add(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="ACCOUNT", help="What it is called: lower-case letters, digits."),
    ],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="admin|operator|owner",
            help="admin: everything, accounts too; operator: every instance; owner: the instances "
            "that it is given (lifebuoy account grant).",
        ),
    ] = "owner",
    password_stdin: PasswordStdin = False,
    generate_password: GeneratePassword = False,
    json: options.Json = False,
) -> None:
    """Make an account. The first admin is made so, too; the server need not run."""
    from lifebuoy.accounts import registry

    given = _role(role)
    made_up = ask.generate_password() if generate_password else None
    password = _password(made_up, from_stdin=password_stdin)
    session = of(context)
    if server := session.server:
        body = {"name": name, "role": given, "password": password}
        made = _tables().account(server.link.send("POST", "/accounts", body))
    else:
        made = registry.add(
            durable.database(session), name, given, password, by=durable.who(os.environ)
        )
    if json:
        told = {"password": made_up} if made_up else {}
        output.print_json({"account": _facts(made, ())} | told)
        return
    output.say(f"Account '{name}' is made: {given}.")
    _tell(made_up)
    if given == "owner":
        output.note("Give it instances: " + session.command("account", "grant", name, "NAME"))


@app.command("list", epilog="Example:\n\n$ lifebuoy account list")
def list_(context: typer.Context, json: options.Json = False) -> None:
    """List the accounts with their roles, and the instances that owners were given."""
    from lifebuoy.accounts import registry

    session = of(context)
    if server := session.server:
        found = _tables().accounts(server)
    else:
        found = registry.every(durable.database(session))
    if json:
        output.print_json({"accounts": [_facts(account, given) for account, given in found]})
    elif not found:
        output.say("There is no account. Make the first: lifebuoy account add NAME --role admin")
    else:
        columns.show(
            ("ACCOUNT", "ROLE", "CREATED", "INSTANCES"),
            [(one.name, one.role, one.created[:19] + "Z", _names(given)) for one, given in found],
        )


@app.command("remove", epilog="Example:\n\n$ lifebuoy account remove ben")
def remove(context: typer.Context, name: Name, json: options.Json = False) -> None:
    """Remove an account with its sessions and API keys. What it did stays on record."""
    from lifebuoy.accounts import registry

    session = of(context)
    if server := session.server:
        server.link.send("DELETE", f"/accounts/{_quoted(name)}")
    else:
        registry.remove(durable.database(session), name, by=durable.who(os.environ))
    _done(name, "removed", f"Account '{name}' is removed.", as_json=json)


@app.command("password", epilog="Example:\n\n$ lifebuoy account password ben")
def password(
    context: typer.Context,
    name: Name,
    password_stdin: PasswordStdin = False,
    generate_password: GeneratePassword = False,
    json: options.Json = False,
) -> None:
    """Give an account another password; its browsers must sign in again, its API keys stay."""
    from lifebuoy.accounts import registry

    made_up = ask.generate_password() if generate_password else None
    chosen = _password(made_up, from_stdin=password_stdin)
    session = of(context)
    if server := session.server:
        path = f"/accounts/{_quoted(name)}/password"
        server.link.send("PUT", path, {"password": chosen})
    else:
        database = durable.database(session)
        registry.set_password(database, name, chosen, by=durable.who(os.environ))
    told = {"password": made_up} if made_up else {}
    _done(name, "password", f"The password of '{name}' is another now.", as_json=json, **told)
    if not json:
        _tell(made_up)


@app.command("totp-reset", epilog="Example:\n\n$ lifebuoy account totp-reset ben")
def totp_reset(context: typer.Context, name: Name, json: options.Json = False) -> None:
    """Take the second factor from an account that has lost it; its browsers must sign in again.

    Its password is asked for as before; whoever may have taken the password needs another one
    (lifebuoy account password).
    """
    from lifebuoy.accounts import second_factor

    session = of(context)
    if server := session.server:
        server.link.send("DELETE", f"/accounts/{_quoted(name)}/second-factor")
    else:
        second_factor.reset(durable.database(session), name, by=durable.who(os.environ))
    words = f"'{name}' signs in with its password alone until it sets another second factor up."
    _done(name, "totp-reset", words, as_json=json)


@app.command("link", epilog="Example:\n\n$ lifebuoy account link ben 248289761001")
def link(
    context: typer.Context,
    name: Name,
    subject: Annotated[
        str,
        typer.Argument(
            help="What the provider calls the person for good: the claim sub.", show_default=False
        ),
    ],
    json: options.Json = False,
) -> None:
    """Let somebody at the OpenID provider of the settings sign in as an account."""
    from lifebuoy.accounts import linking
    from lifebuoy.accounts.errand import Person

    session = of(context)
    session.require_here(_SIGN_IN)
    issuer = session.settings.openid.issuer
    if not issuer:
        raise BadInput("the settings name no OpenID provider", hint="the setting openid.issuer")
    person = Person(issuer, subject, {})
    linking.link(durable.database(session), person, name, by=durable.who(os.environ))
    _done(name, "link", f"'{name}' is linked to '{subject}' at {issuer}.", as_json=json)


@app.command("unlink", epilog="Example:\n\n$ lifebuoy account unlink ben")
def unlink(context: typer.Context, name: Name, json: options.Json = False) -> None:
    """Let nobody at an OpenID provider sign in as an account any more."""
    from lifebuoy.accounts import linking

    session = of(context)
    session.require_here(_SIGN_IN)
    linking.unlink(durable.database(session), name, by=durable.who(os.environ))
    _done(name, "unlink", f"'{name}' is not linked any more.", as_json=json)


@app.command("grant", epilog="Example:\n\n$ lifebuoy account grant ben web1")
def grant(
    context: typer.Context, name: Name, instance: options.Name, json: options.Json = False
) -> None:
    """Give an instance to an owner, who may see it and act on it from then on."""
    from lifebuoy.accounts import registry

    session = of(context)
    if server := session.server:
        found = session.there(server, instance)
        server.link.send("PUT", f"/accounts/{_quoted(name)}{found.path}")
        _done(name, "grant", f"'{found.name}' is given to '{name}'.", as_json=json)
        return
    given = _given(session, instance)
    registry.grant(durable.database(session), name, given, by=durable.who(os.environ))
    _done(name, "grant", f"'{given.name}' is given to '{name}'.", as_json=json)


@app.command("revoke", epilog="Example:\n\n$ lifebuoy account revoke ben web1")
def revoke(
    context: typer.Context, name: Name, instance: options.Name, json: options.Json = False
) -> None:
    """Take an instance from an owner again; its name, or the UUID of one that is gone."""
    from lifebuoy.accounts import registry

    session = of(context)
    if server := session.server:
        found = session.there(server, instance)
        if not any(one.instance == found.uuid for one in _tables().given_of(server, name)):
            raise registry.not_given(name, instance)
        server.link.send("DELETE", f"/accounts/{_quoted(name)}{found.path}")
        _done(name, "revoke", f"'{found.name}' is taken from '{name}'.", as_json=json)
        return
    database, by = durable.database(session), durable.who(os.environ)
    for given in registry.grants_of(database, name):
        if instance in {given.instance, given.name, f"{given.host}/{given.name}"}:
            registry.revoke(database, name, given, by=by)
            _done(name, "revoke", f"'{given.name}' is taken from '{name}'.", as_json=json)
            return
    raise registry.not_given(name, instance)


def _given(session: Session, ref: str) -> Grant:
    from lifebuoy.accounts.model import Grant

    with session.instance(ref) as (found, name):
        domain = found.host.domain(name)
        return Grant(daemon_of(found.host), domain.uuid, found.host.name, domain.name)


def _tables() -> ModuleType:
    """What a server tells of; loaded where one is asked."""
    from lifebuoy.client import tables

    return tables


def _quoted(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="")


def _role(word: str) -> Role:
    from lifebuoy.accounts.model import role_of

    return role_of(word)


def _password(made_up: str | None, *, from_stdin: bool) -> str:
    from lifebuoy.accounts.secret import check_password

    return made_up or ask.account_password(check_password, from_stdin=from_stdin)


def _facts(account: Account, given: tuple[Grant, ...]) -> dict[str, object]:
    """The documented shape: docs/schema/account-list.json."""
    return {
        "name": account.name,
        "role": account.role,
        "created": account.created,
        "instances": [{"host": one.host, "uuid": one.instance, "name": one.name} for one in given],
    }


def _names(given: tuple[Grant, ...]) -> str:
    return ", ".join(f"{one.host}/{one.name}" for one in given)


def _tell(made_up: str | None) -> None:
    if made_up:
        output.facts([("password", f"{made_up}   (shown this once)")])


def _done(name: str, change: str, words: str, *, as_json: bool, **more: str) -> None:
    if as_json:
        output.print_json({"account": {"name": name}, "change": change} | more)
    else:
        output.say(words)
