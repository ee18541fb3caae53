"""What to do where TLS is refused: libvirt seldom says who has to mend what. Pure."""

from __future__ import annotations

import shlex
from typing import Final

_FILES: Final = (
    "it needs cacert.pem, clientcert.pem and clientkey.pem in the folder that the URI names by "
    "pkipath, else in ~/.pki/libvirt, or for root below /etc/pki (docs/hosts.md)"
)
#: libvirt's words, and what they mean.
_CAUSES: Final = (
    (
        ("TLS confirmation", "server verification"),
        "the host refuses clientcert.pem: its CA certificate must be of who signed that, and its "
        "tls_allowed_dn_list, if it is set, must have the client's name; libvirtd's log there says "
        "which",
    ),
    (
        ("verify peer's certificate",),
        "cacert.pem here is not of who signed the host's certificate, or that is out of date or "
        "does not bear the name by which the URI calls the host (a subject alternative name)",
    ),
)


def hint(uri: str, words: str) -> str:
    """What to do about libvirt's ``words`` at a connection to ``uri``."""
    found = (what for signs, what in _CAUSES if any(sign in words for sign in signs))
    return f"{next(found, _FILES)}. Try: {shlex.join(['virsh', '-c', uri, 'list'])}"
