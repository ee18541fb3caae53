"""Accounts for an admin: all of them, and each with its role, instances, password, second factor
and keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts import keys, registry, second_factor
from lifebuoy.accounts.model import MAY, Account, Grant, Identity, Permission, Role
from lifebuoy.accounts.secret import PASSWORD_MAX, PASSWORD_MIN
from lifebuoy.api.accounts import NamePath
from lifebuoy.api.again import is_at_provider, require_again
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.keys import KeyPath, new_key
from lifebuoy.api.problems import status_of
from lifebuoy.api.state import Server
from lifebuoy.errors import AmbiguousInstance, BadInput, InstanceNotFound, LifebuoyError
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.listing import rows
from lifebuoy.store.times import stamp
from lifebuoy.web.render import go, page
from lifebuoy.web.tables import Asked, Order, shown

router = APIRouter(include_in_schema=False)

_ADMIN: Final = needs(Permission.ADMINISTER)
_Row = tuple[Account, tuple[Grant, ...]]
_ORDER: Final[Order[_Row]] = Order(
    columns={
        "name": lambda row: row[0].name,
        "role": lambda row: row[0].role.value,
        "created": lambda row: row[0].created,
    },
    id=lambda row: row[0].name,
    text=lambda row: " ".join([row[0].name, row[0].role, *(one.name for one in row[1])]),
)
Typed = Annotated[str, Form(max_length=1000)]
#: The present password of the one at the browser.
Current = Annotated[str, Form(max_length=1000)]


@router.get("/accounts", **_ADMIN)
def list_accounts(request: Request, server: Server, who: Who, wanted: Asked) -> Response:
    """All accounts."""
    table = shown(registry.every(server.database), wanted, _ORDER)
    return page(request, "accounts.html", who, table=table, part=wanted.part)


@router.get("/accounts/add", **_ADMIN)
def ask_add(request: Request, server: Server, who: Who) -> Response:
    """The dialog before an account is made."""
    known = {"error": None, "name": "", "role": Role.OWNER, **RULE}
    at_provider = is_at_provider(server, request)
    return page(request, "account_add.html", who, at_provider=at_provider, **known)


@router.post("/accounts/add", **_ADMIN)
def add(
    request: Request,
    server: Server,
    who: Who,
    name: Annotated[str, Form(max_length=200)],
    password: Typed,
    again: Typed,
    role: Annotated[Role, Form()] = Role.OWNER,
    current: Current = "",
) -> Response:
    """Make an account."""
    try:
        require_same(password, again)
        require_again(server, who, request, current)
        registry.add(server.database, name, role, password, by=who.account.name)
    except LifebuoyError as error:
        known = {"error": error, "name": name, "role": role, **RULE}
        known["at_provider"] = is_at_provider(server, request)
        return page(request, "account_add.html", who, status=status_of(error), **known)
    return go(request, f"/accounts/{name}")


@router.get("/accounts/{name}", **_ADMIN)
def show_account(
    request: Request, server: Server, who: Who, name: NamePath, done: bool = False
) -> Response:
    """An account."""
    return _account(request, server, who, name, done=done)


@router.get("/accounts/{name}/remove", **_ADMIN)
def ask_remove(request: Request, server: Server, who: Who, name: NamePath) -> Response:
    """The dialog before an account is removed."""
    account, _ = registry.get(server.database, name)
    return page(request, "account_remove.html", who, account=account, error=None)


@router.post("/accounts/{name}/remove", **_ADMIN)
def remove(request: Request, server: Server, who: Who, name: NamePath) -> Response:
    """Remove an account."""
    registry.remove(server.database, name, by=who.account.name)
    return go(request, "/accounts")


@router.post("/accounts/{name}/role", **_ADMIN)
def set_role(
    request: Request,
    server: Server,
    who: Who,
    name: NamePath,
    role: Annotated[Role, Form()],
    current: Current = "",
) -> Response:
    """Change the role."""

    def act() -> None:
        require_again(server, who, request, current)
        registry.set_role(server.database, name, role, by=who.account.name)

    return _changed(request, server, who, name, "role", act)


@router.post("/accounts/{name}/password", **_ADMIN)
def set_password(
    request: Request,
    server: Server,
    who: Who,
    name: NamePath,
    password: Typed,
    again: Typed,
    current: Current = "",
) -> Response:
    """Set another password."""

    def act() -> None:
        require_same(password, again)
        require_again(server, who, request, current)
        registry.set_password(server.database, name, password, by=who.account.name)

    return _changed(request, server, who, name, "password", act)


@router.post("/accounts/{name}/second-factor/remove", **_ADMIN)
def reset_second_factor(
    request: Request, server: Server, who: Who, name: NamePath, current: Current = ""
) -> Response:
    """Take the second factor from who has lost it."""

    def act() -> None:
        require_again(server, who, request, current)
        second_factor.reset(server.database, name, by=who.account.name)

    return _changed(request, server, who, name, "factor", act)


@router.post("/accounts/{name}/grant", **_ADMIN)
def grant(
    request: Request,
    server: Server,
    who: Who,
    name: NamePath,
    instance: Annotated[str, Form(max_length=300)],
) -> Response:
    """Give an instance to an owner."""

    def act() -> None:
        given = _grant_of(server, who, instance.strip())
        registry.grant(server.database, name, given, by=who.account.name)

    return _changed(request, server, who, name, "grant", act)


@router.post("/accounts/{name}/revoke", **_ADMIN)
def revoke(
    request: Request,
    server: Server,
    who: Who,
    name: NamePath,
    daemon: Annotated[str, Form(max_length=1000)],
    instance: Annotated[str, Form(max_length=36)],
) -> Response:
    """Take an instance from an owner; also one that is gone, or whose host does not answer."""

    def act() -> None:
        for one in registry.grants_of(server.database, name):
            if (one.daemon, one.instance) == (daemon, instance):
                registry.revoke(server.database, name, one, by=who.account.name)
                return
        raise registry.not_given(name, instance)

    return _changed(request, server, who, name, "grant", act)


@router.post("/accounts/{name}/keys", **_ADMIN)
def add_key(
    request: Request,
    server: Server,
    who: Who,
    name: NamePath,
    label: Annotated[str, Form(max_length=1000)] = "",
    scope: Annotated[list[Permission] | None, Form()] = None,
    days: Annotated[int, Form()] = 90,
    current: Current = "",
) -> Response:
    """Make a key, and show it this once."""
    try:
        require_again(server, who, request, current)
        made = new_key(
            server.database, name, label, require_scopes(scope), days, by=who.account.name
        )
    except LifebuoyError as error:
        return _account(request, server, who, name, wrong="key", error=error)
    return _account(request, server, who, name, made=made)


@router.post("/accounts/{name}/keys/{key}/remove", **_ADMIN)
def remove_key(
    request: Request, server: Server, who: Who, name: NamePath, key: KeyPath
) -> Response:
    """Make a key worthless."""

    def act() -> None:
        keys.remove(server.database, key, by=who.account.name, account=name)

    return _changed(request, server, who, name, "key", act)


#: Of the passwords of accounts, for the pages that take one.
RULE: Final[dict[str, Any]] = {"password_min": PASSWORD_MIN, "password_max": PASSWORD_MAX}


def require_same(password: str, again: str) -> None:
    """Pass if both were typed the same.

    Raises:
        BadInput: they were not.
    """
    if password != again:
        raise BadInput("the two passwords are not the same")


def require_scopes(scopes: list[Permission] | None) -> list[Permission]:
    """What a key may do, if it may do anything.

    Raises:
        BadInput: it may not.
    """
    if not scopes:
        raise BadInput("a key that may do nothing is of no use", hint="choose what it may")
    return scopes


def about_keys(server: Server, request: Request, account: Account) -> dict[str, Any]:
    """What the card of an account's keys shows."""
    return {
        "at_provider": is_at_provider(server, request),
        "keys": keys.every(server.database, account.name),
        "scopes": MAY[account.role],
        "now": stamp(datetime.now(UTC)),
        "made": None,
        "wrong": "",
        "error": None,
    }


def _changed(
    request: Request,
    server: Server,
    who: Identity,
    name: str,
    what: str,
    act: Callable[[], None],
) -> Response:
    try:
        act()
    except LifebuoyError as error:
        return _account(request, server, who, name, wrong=what, error=error)
    return go(request, f"/accounts/{name}?done=true")


def _account(request: Request, server: Server, who: Identity, name: str, **more: Any) -> Response:
    account, given = registry.get(server.database, name)
    error = more.get("error")
    known: dict[str, Any] = {
        "account": account,
        "given": given,
        "is_own": who.account.name == name,
        "keys_at": f"/accounts/{name}/keys",
        "done": False,
        **RULE,
        "factor": second_factor.of(server.database, account),
        **about_keys(server, request, account),
    }
    shown_ = page(request, "account.html", who, **(known | more))
    if error is not None:
        shown_.status_code = status_of(error)
    return shown_


def _grant_of(server: Server, who: Identity, ref: str) -> Grant:
    """The instance of that name, HOST/NAME or UUID, among all hosts.

    Raises:
        InstanceNotFound: no host that answers has it.
        AmbiguousInstance: several have.
    """
    listed = server.overview.listed(who.instances)
    there = [
        (host, one)
        for host, one in rows(listed)
        if ref in {one.name, one.uuid, f"{host}/{one.name}"}
    ]
    if not there:
        raise InstanceNotFound("there is no such instance", hint="see the list of instances")
    if len(there) > 1:
        names = " or ".join(f"{host}/{one.name}" for host, one in there)
        raise AmbiguousInstance("several hosts have an instance of that name", hint=names)
    ((host, found),) = there
    connected = server.hosts.context(host).host
    return Grant(daemon_of(connected), found.uuid, connected.name, found.name)
