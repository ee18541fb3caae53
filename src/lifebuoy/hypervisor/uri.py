"""What a libvirt URI says about where the host is. Pure: nothing is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from lifebuoy.errors import BadInput
from lifebuoy.hypervisor.hop import SshHop, hop_of

#: The embedded driver makes sockets like ROOT/lib/qemu/channel/target/domain-1-NAME/
#: org.qemu.guest_agent.0; the kernel takes 107 characters. This leaves 8 for the name.
MAX_ROOT_LENGTH: Final = 42

_REMOTE_TRANSPORTS: Final = frozenset({"ssh", "tls", "tcp", "libssh", "libssh2", "ext"})
_SECRET_PARAMETERS: Final = frozenset({"password", "passwd", "passphrase"})
_SSH_TRANSPORTS: Final = frozenset({"ssh", "libssh", "libssh2"})


@dataclass(frozen=True, slots=True)
class UriFacts:
    """What we need to know of a URI."""

    uri: str
    driver: str
    transport: str
    is_embedded: bool
    is_remote: bool
    is_session: bool
    ssh_hop: SshHop | None
    root: Path | None


def embedded_uri(root: Path) -> str:
    """The URI of the embedded driver below ``root``.

    Raises:
        BadInput: ``root`` is not absolute, or too long for the sockets below it.
    """
    if not root.is_absolute():
        raise BadInput(f"the folder of the embedded libvirt must be an absolute path: {root}")
    if len(str(root)) > MAX_ROOT_LENGTH:
        raise BadInput(
            f"the folder of the embedded libvirt is too long for UNIX sockets: {root}",
            hint=f"use a path of at most {MAX_ROOT_LENGTH} characters, or qemu:///session",
        )
    return f"qemu:///embed?root={root}"


def facts(uri: str) -> UriFacts:
    """Take ``uri`` apart.

    Raises:
        BadInput: not a libvirt URI, or one with a password, which is not repeated.
    """
    refuse_password(uri)
    parts = urlsplit(uri)
    if not parts.scheme:
        raise BadInput(f"not a libvirt URI: '{uri}'", hint="for example qemu:///system")
    driver, _, transport = parts.scheme.partition("+")
    try:
        host, _port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise BadInput(f"not a libvirt URI: '{uri}'") from exc
    embedded = parts.path == "/embed"
    query = parse_qs(parts.query)
    roots = query.get("root", [])
    return UriFacts(
        uri=uri,
        driver=driver,
        transport=transport,
        is_embedded=embedded,
        is_remote=bool(host) or transport in _REMOTE_TRANSPORTS,
        is_session=parts.path == "/session",
        ssh_hop=hop_of(parts, query) if transport in _SSH_TRANSPORTS else None,
        root=Path(roots[0]) if embedded and roots else None,
    )


def refuse_password(uri: str) -> None:
    """Raise BadInput where ``uri`` holds a password: it would be shown, logged and stored."""
    user, at, _ = uri.partition("://")[2].partition("/")[0].rpartition("@")
    parameters = {name.lower() for name in parse_qs(uri.partition("?")[2], keep_blank_values=True)}
    if (at and ":" in user) or parameters & _SECRET_PARAMETERS:
        raise BadInput(
            "the URI holds a password, which would be seen by everybody who sees the URI",
            hint="use an SSH key or a certificate; for SASL, libvirt's auth.conf "
            "(https://libvirt.org/auth.html)",
        )
