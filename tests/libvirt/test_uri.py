"""What a URI says, without opening it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifebuoy.errors import BadInput
from lifebuoy.hypervisor.uri import MAX_ROOT_LENGTH, embedded_uri, facts


@pytest.mark.parametrize(
    ("uri", "remote", "ssh"),
    [
        ("qemu:///system", False, None),
        ("qemu:///session", False, None),
        ("qemu+unix:///system?socket=/run/x", False, None),
        ("test:///default", False, None),
        ("qemu+tls://box.example/system", True, None),
        ("qemu://box.example/system", True, None),
        ("qemu+ssh:///system", True, "localhost"),
        ("qemu+ssh://box/system", True, "box"),
        ("qemu+ssh://root@box:2222/system?no_tty=1", True, "root@box:2222"),
        ("qemu+libssh2://me@10.0.0.9/session", True, "me@10.0.0.9"),
        ("qemu+ssh://me@[fe80::1]:22/system", True, "me@[fe80::1]:22"),
    ],
)
def test_a_uri_tells_where_the_host_is(uri: str, remote: bool, ssh: str | None) -> None:
    known = facts(uri)
    hop = known.ssh_hop.destination if known.ssh_hop else None
    assert (known.is_remote, hop, known.is_embedded) == (remote, ssh, False)


def test_the_embedded_uri_carries_its_folder() -> None:
    known = facts(embedded_uri(Path("/tmp/x")))
    assert known.is_embedded and not known.is_remote and known.root == Path("/tmp/x")


@pytest.mark.parametrize("root", ["relative", "/" + "x" * MAX_ROOT_LENGTH])
def test_a_folder_that_cannot_hold_sockets_is_refused(root: str) -> None:
    with pytest.raises(BadInput):
        embedded_uri(Path(root))


@pytest.mark.parametrize("uri", ["", "here", "/run/libvirt", "qemu+ssh://box:port/system"])
def test_what_is_no_uri_is_refused(uri: str) -> None:
    with pytest.raises(BadInput):
        facts(uri)
