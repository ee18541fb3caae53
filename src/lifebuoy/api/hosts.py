"""One host: what runs there, and whether it is fit for rescue mode."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from lifebuoy.accounts.model import Permission
from lifebuoy.api import table_models as models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import HostPath, name_of
from lifebuoy.api.state import Server
from lifebuoy.operations.check import check, passed

router = APIRouter(prefix="/hosts", tags=["hosts"])

_PROBLEMS: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY)


@router.get("/{host}", **needs(Permission.READ, *_PROBLEMS))
def show_host(server: Server, who: Who, host: HostPath) -> models.HostDetails:
    """What runs on a host."""
    found = server.hosts.context(name_of(host)).host
    versions = found.versions()
    storage = None
    if who.instances is None:
        storage = models.Storage(location=found.store.location, free_bytes=found.store.free_bytes())
    return models.HostDetails(
        name=found.given_name,
        uri=found.uri,
        hostname=versions.hostname,
        libvirt=versions.libvirt,
        qemu=versions.qemu,
        kernel=versions.kernel,
        embedded=found.is_embedded,
        remote=found.is_remote,
        storage=storage,
    )


@router.post("/{host}/check", **needs(Permission.ADMINISTER, *_PROBLEMS))
def check_host(server: Server, host: HostPath) -> models.HostCheck:
    """Check whether a host can do rescue mode, as `lifebuoy host check` does. KVM is tried with a
    small guest of its own, which can take a minute where it was not tried before."""
    context = server.hosts.context(name_of(host))
    items = check(context)
    return models.HostCheck(
        name=context.host.given_name,
        uri=context.host.uri,
        ok=passed(items),
        items=[models.CheckItem.model_validate(one, from_attributes=True) for one in items],
    )
