"""libvirt's errors in our words: the one place where ``libvirtError`` is caught and turned.

libvirt's message is kept, cut to its first line and cleaned of XML, which could hold secrets.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import libvirt

from lifebuoy.errors import (
    AgentUnavailable,
    HostTrouble,
    InstanceNotFound,
    LifebuoyError,
    NoSpace,
    TimedOut,
)

UNKNOWN: Final = "What was being done may be incomplete."

_BY_CODE: Final[dict[int, type[LifebuoyError]]] = {
    libvirt.VIR_ERR_NO_DOMAIN: InstanceNotFound,
    libvirt.VIR_ERR_OPERATION_TIMEOUT: TimedOut,
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE: AgentUnavailable,
    libvirt.VIR_ERR_AGENT_UNSYNCED: AgentUnavailable,
}

#: What libvirt says -> what to do about it. The first match counts.
_HINTS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"socket path.*too long", re.I),
        "the folder of the embedded libvirt or the instance's name is too long: use a shorter one",
    ),
    (
        re.compile(r"permission denied|could not open.*denied", re.I),
        "QEMU's user on the host may not open that file: check the modes of the file and of the "
        "folders above it, and the host's SELinux or AppArmor log",
    ),
    (
        re.compile(r"failed to set MSR|kvm.*(unsupported|not supported|no such)", re.I),
        "KVM does not work on this host: use <domain type='qemu'>, or enable virtualisation",
    ),
    (re.compile(r"network .* is not active", re.I), "start the network: virsh net-start NAME"),
    (
        re.compile(r"already in use|failed to get .*lock", re.I),
        "another instance or program uses that file",
    ),
    (
        re.compile(r"not supported by the connection driver", re.I),
        "this libvirt connection cannot do that; use qemu:///system or qemu:///session",
    ),
)


@contextmanager
def translated(
    doing: str, *, error: type[LifebuoyError] | None = None, safe: str | None = None
) -> Iterator[None]:
    """Turn a ``libvirtError`` inside the block into ours: "cannot ``doing``: ...".

    ``error`` wins over the class chosen by libvirt's error code; ``safe`` says what was lost.
    """
    try:
        yield
    except libvirt.libvirtError as exc:
        raise as_ours(exc, doing, error=error, safe=safe) from exc


@contextmanager
def translated_io(doing: str) -> Iterator[None]:
    """Turn an ``OSError`` of this machine's files inside the block into ours."""
    try:
        yield
    except OSError as exc:
        kind = NoSpace if exc.errno in {errno.ENOSPC, errno.EDQUOT} else HostTrouble
        raise kind(f"cannot {doing}: {exc.strerror or exc}", safe=UNKNOWN) from exc


def as_ours(
    exc: libvirt.libvirtError,
    doing: str,
    *,
    error: type[LifebuoyError] | None = None,
    safe: str | None = None,
) -> LifebuoyError:
    """The error of ours for ``exc``, not raised."""
    words = message(exc)
    kind = error or _BY_CODE.get(code(exc), HostTrouble)
    if error is None and "No space left on device" in words:
        kind = NoSpace
    hint = next((text for pattern, text in _HINTS if pattern.search(words)), "")
    return kind(f"cannot {doing}: {words}", hint=hint, safe=UNKNOWN if safe is None else safe)


def code(exc: libvirt.libvirtError) -> int:
    """libvirt's error code (VIR_ERR_...), 0 where it has none."""
    return int(exc.get_error_code() or 0)


def message(exc: libvirt.libvirtError) -> str:
    """libvirt's words: one line, without XML text or passwords."""
    lines = str(exc.get_error_message() or exc).strip().splitlines()
    first = lines[0] if lines else "libvirt gave no reason"
    if code(exc) == libvirt.VIR_ERR_XML_DETAIL:
        first = first.partition("<")[0].rstrip() or "malformed XML"
    return re.sub(r"(passw(?:or)?d\w*\s*[=:]\s*)(\S+)", r"\1...", first, flags=re.I)
