"""What requests and answers about accounts, keys, audit log, images and hosts look like, for the
OpenAPI document.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from lifebuoy.accounts.keys import LABEL_MAX, LONGEST_DAYS
from lifebuoy.accounts.model import Permission, Role
from lifebuoy.accounts.secret import PASSWORD_MAX, PASSWORD_MIN
from lifebuoy.api.models import Body, Time
from lifebuoy.image.catalogue import ImageKind
from lifebuoy.store.tables import Happening

#: Longer than any: what is too long is refused with the rule, not with the length of the field.
_FIELD_MAX = 4 * PASSWORD_MAX
Password = Annotated[
    SecretStr,
    Field(
        max_length=_FIELD_MAX,
        description=f"{PASSWORD_MIN} to {PASSWORD_MAX} characters, of any kind.",
    ),
]
Current = Annotated[
    SecretStr | None,
    Field(
        max_length=_FIELD_MAX,
        description="The present password of the one who asks, in a browser. A program with an API "
        "key needs none; nor does who has signed in at an OpenID provider just now.",
    ),
]


class Entry(BaseModel):
    """A line of the audit log."""

    time: Time
    who: str
    event: Happening
    kind: str
    host: str
    instance: str = Field(description="Its UUID.")
    name: str
    operation: str = Field(description="Its id; empty for what no operation did.")
    outcome: str
    code: str
    detail: str


class Audit(BaseModel):
    """A page of the audit log, the newest line first."""

    entries: list[Entry]
    next: str = Field(description="The cursor of the next page; empty on the last.")


class Image(BaseModel):
    """A rescue image."""

    id: str
    name: str
    kind: ImageKind
    sha256: str
    size_bytes: int
    arch: str
    min_memory_mib: int
    default: bool
    current: bool = Field(description="False: made by another version of Lifebuoy.")


class Images(BaseModel):
    """The rescue images of the server."""

    images: list[Image]


class Storage(BaseModel):
    """Where a host keeps what rescue mode needs."""

    location: str
    free_bytes: int


class HostDetails(BaseModel):
    """A host that answers."""

    name: str
    uri: str
    hostname: str
    libvirt: str
    qemu: str
    kernel: str = Field(description="Empty where it cannot be known.")
    embedded: bool
    remote: bool
    storage: Storage | None = Field(description="Not told to owners.")


class CheckItem(BaseModel):
    """A fact about a host."""

    name: str
    ok: bool | None = Field(description="Null: worth knowing, but no obstacle.")
    detail: str
    hint: str


class HostCheck(BaseModel):
    """Whether a host can do rescue mode."""

    name: str
    uri: str
    ok: bool = Field(description="Whether nothing stands in the way.")
    items: list[CheckItem]


class AddAccount(Body):
    """A new account."""

    name: str = Field(max_length=200)
    role: Role = Role.OWNER
    password: Password
    current: Current = None


class ChangeAccount(Body):
    """What an account becomes."""

    role: Role
    current: Current = None


class SetPassword(Body):
    """Another password of an account."""

    password: Password
    current: Current = None


class OwnPassword(Body):
    """Another password of one's own account."""

    current: SecretStr = Field(max_length=_FIELD_MAX)
    password: Password


class SecondFactor(BaseModel):
    """Whether an account has a second factor."""

    on: bool
    since: str = Field(description="A time; empty without one.")
    recovery: int = Field(description="How many recovery codes are left.")


class ApiKey(BaseModel):
    """An API key; not the key itself, which nobody knows but its user."""

    id: str
    account: str
    label: str
    scopes: list[Permission]
    created: Time
    expires: Time


class ApiKeys(BaseModel):
    """API keys, also those whose time is over."""

    api_keys: list[ApiKey]


class AddApiKey(Body):
    """A new API key."""

    label: str = Field(default="", max_length=LABEL_MAX, description="What it is for.")
    scopes: list[Permission] = Field(
        default=[Permission.READ],
        min_length=1,
        max_length=len(Permission),
        description="What it may do of what its account may.",
    )
    days: int = Field(default=90, ge=1, le=LONGEST_DAYS)
    current: Current = None


class NewApiKey(BaseModel):
    """A new API key, and the key itself: told this once."""

    api_key: ApiKey
    key: str
