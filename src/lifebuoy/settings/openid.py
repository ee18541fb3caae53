"""The table of the settings that names an OpenID provider; part of ``model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from lifebuoy.errors import BadInput
from lifebuoy.settings.values import OpenId

RoleName = Literal["admin", "operator", "owner"]
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


def _issuer(value: str) -> str:
    """An issuer is a URL without query and fragment; without TLS only on this machine."""
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    if value and (not safe or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("that is no https URL of an issuer, such as https://login.example")
    return value


class OpenIdModel(BaseModel):
    """An OpenID provider to sign in at, beside passwords."""

    model_config = ConfigDict(extra="forbid", strict=True)

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        default="",
        description="The provider's issuer URL, exactly as it calls itself. Without it there is "
        "no signing in at a provider.",
        examples=["https://login.example/realms/staff"],
    )
    title: str = Field(
        default="OpenID", max_length=60, description="What people call it: on the button."
    )
    client_id: str = Field(default="", description="What the provider calls this server.")
    client_secret_file: Annotated[Path | None, Field(strict=False)] = Field(
        default=None,
        description="The file of the secret that goes with it (mode 0600). A client without one is "
        "a public one: PKCE alone.",
        examples=["/etc/lifebuoy/openid-secret"],
    )
    client_secret: str = Field(
        default="",
        description="The secret itself; better the file, or this variable. Shown to nobody.",
    )
    ca_file: Annotated[Path | None, Field(strict=False)] = Field(
        default=None,
        description="Certificates that its certificate may be signed with; else this machine's.",
    )
    scopes: list[str] = Field(
        default=["openid", "profile", "email"],
        description="What it is asked to tell; openid must be among them.",
    )
    name_claim: str = Field(
        default="preferred_username",
        description="The claim that a new account is called by, in lower case.",
    )
    role_claim: str = Field(
        default="",
        description="The claim that tells roles, such as groups; then an account's role is what it "
        "says at each sign-in. Without it a role stays what it is.",
    )
    roles: dict[str, RoleName] = Field(
        default={},
        description="Which value of that claim means which role; of several the one that may most.",
        examples=[{"rescue-admins": "admin"}],
    )
    role: Literal["", "admin", "operator", "owner"] = Field(
        default="",
        description="The role of whom no value means one; without it they are refused.",
    )
    create: Annotated[bool, Field(strict=False)] = Field(
        default=False,
        description="Whether somebody unknown gets an account at the first sign-in. Else one that "
        "exists must be linked first, by its user or an admin.",
    )

    @model_validator(mode="after")
    def _whole(self) -> OpenIdModel:
        """What belongs together is there together."""
        if self.issuer and not self.client_id:
            raise ValueError("an issuer needs a client_id")
        if "openid" not in self.scopes:
            raise ValueError("openid must be among the scopes")
        if self.client_secret and self.client_secret_file:
            raise ValueError("client_secret and client_secret_file say the same")
        return self

    def values(self) -> OpenId:
        """The same as the rest of the program takes it; the secret is read when it is needed."""
        file = self.client_secret_file
        return OpenId(
            issuer=self.issuer,
            title=self.title,
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_secret_file=file.expanduser() if file else None,
            ca_file=self.ca_file.expanduser() if self.ca_file else None,
            scopes=tuple(self.scopes),
            name_claim=self.name_claim,
            role_claim=self.role_claim,
            roles=dict(self.roles),
            role=self.role,
            create=self.create,
        )


def secret_of(settings: OpenId) -> str:
    """The secret that goes with the client id, from its file where there is one.

    Raises:
        BadInput: the file cannot be read, or others can read it.
    """
    path = settings.client_secret_file
    if path is None:
        return settings.client_secret
    try:
        if path.stat().st_mode & 0o007:
            raise BadInput(f"everybody can read {path}", hint=f"chmod 0600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {type(error).__name__}") from None
