"""Audit log, accounts, API keys, images and hosts as a server tells of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from lifebuoy.accounts.keys import Key
from lifebuoy.accounts.model import Account, Grant, Role
from lifebuoy.client.server import Server
from lifebuoy.client.shapes import understood
from lifebuoy.errors import AccountNotFound, HostTrouble, ImageNotFound, LifebuoyError
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import CheckItem
from lifebuoy.image import Image, builder
from lifebuoy.image.catalogue import ImageKind
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening

_AT_A_TIME: Final = 500
_UNNAMED: Final = "-"


def audit(server: Server, since: str, instance: str) -> Iterator[Entry]:
    """The lines of the log from a time on, the oldest first; of one instance where named."""
    found: list[Entry] = []
    cursor = ""
    while True:
        told = server.link.get(
            "/audit", since=since, instance=instance, limit=_AT_A_TIME, cursor=cursor
        )
        with understood():
            found += [Entry(**{**one, "event": Happening(one["event"])}) for one in told["entries"]]
            cursor = told["next"]
        if not cursor:
            return reversed(found)


def accounts(server: Server) -> list[tuple[Account, tuple[Grant, ...]]]:
    """All accounts, and what each was given."""
    told = server.link.get("/accounts")
    with understood():
        return [(account(one), _given(one)) for one in told["accounts"]]


def account(told: Mapping[str, Any]) -> Account:
    """One account; its id is the server's own affair."""
    with understood():
        return Account("", told["name"], Role(told["role"]), told["created"])


def given_of(server: Server, name: str) -> tuple[Grant, ...]:
    """What an account was given."""
    told = server.link.get(f"/accounts/{name}")
    with understood():
        return _given(told)


def api_keys(server: Server) -> list[Key]:
    """The API keys of all accounts."""
    found: list[Key] = []
    for one, _ in accounts(server):
        told = server.link.get(f"/accounts/{one.name}/keys")
        with understood():
            found += [api_key(each) for each in told["api_keys"]]
    return sorted(found, key=lambda one: one.created)


def api_key(told: Mapping[str, Any]) -> Key:
    """One API key; not the key itself."""
    with understood():
        return Key(**{**told, "scopes": tuple(told["scopes"])})


def remove_api_key(server: Server, id_: str) -> None:
    """Make an API key worthless.

    Raises:
        AccountNotFound: there is none of that id.
    """
    for one in api_keys(server):
        if one.id == id_:
            server.link.send("DELETE", f"/accounts/{one.account}/keys/{id_}")
            return
    raise AccountNotFound(f"there is no API key '{id_}'", hint="lifebuoy api-key list")


def images(server: Server) -> list[Image]:
    """The rescue images of the server."""
    told = server.link.get("/images")
    with understood():
        return [image(one) for one in told["images"]]


def verify_image(server: Server, id_: str | None) -> Image:
    """Have an image read whole, the default one where none is named.

    Raises:
        ImageNotFound: there is none.
    """
    chosen = id_ or next((one.id for one in images(server) if one.is_default), "")
    if not chosen:
        raise ImageNotFound("there is no rescue image yet", hint="make one: lifebuoy image build")
    return image(server.link.send("POST", f"/images/{quote(chosen, safe='')}/verify"))


def image(told: Mapping[str, Any]) -> Image:
    """One image; where its file is, is the server's own affair."""
    with understood():
        return Image(
            id=told["id"],
            name=told["name"],
            kind=ImageKind(told["kind"]),
            path=Path(),
            sha256=told["sha256"],
            size_bytes=told["size_bytes"],
            arch=told["arch"],
            min_memory_mib=told["min_memory_mib"],
            built_from=builder.inputs_key() if told["current"] else "",
            is_default=told["default"],
        )


def places(server: Server) -> list[Place]:
    """The hosts of the server."""
    told = server.link.get("/hosts")
    with understood():
        return [Place(one["name"], one["uri"]) for one in told["hosts"]]


def check(server: Server, place: Place) -> list[CheckItem]:
    """Whether a host can do rescue mode; that it does not answer is an item, too."""
    try:
        told = server.link.send("POST", f"/hosts/{place.name or _UNNAMED}/check")
    except HostTrouble as error:
        return [no_answer(error)]
    with understood():
        return [CheckItem(**one) for one in told["items"]]


def no_answer(error: LifebuoyError) -> CheckItem:
    """That a host does not answer."""
    return CheckItem("libvirt", False, error.message, error.hint)


def _given(told: Mapping[str, Any]) -> tuple[Grant, ...]:
    return tuple(Grant("", one["uuid"], one["host"], one["name"]) for one in told["instances"])
