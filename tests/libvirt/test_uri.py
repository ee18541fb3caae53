"""What a URI says, without opening it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifebuoy.errors import BadInput
from lifebuoy.hypervisor import SshHop
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


def hop(query: str, *, user: str = "me@") -> SshHop:
    found = facts(f"qemu+ssh://{user}box:2222/system?{query}").ssh_hop
    assert found
    return found


def test_the_hop_uses_the_key_and_known_hosts_of_the_uri() -> None:
    found = hop("keyfile=/k%20e%25y&known_hosts=/known%20hosts&no_tty=1&no_verify=1")
    words = found.command("-W", "a:1")
    assert words == [
        *("ssh", "-i", "/k e%y", "-o", 'UserKnownHostsFile="/known hosts"'),
        *("-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-p", "2222"),
        *("-W", "a:1", "me@box"),
    ]
    (flag, proxy) = found.jump()
    assert flag == "-o" and proxy.startswith("ProxyCommand=ssh -i '/k e%%y' -o ")
    assert proxy.endswith(" -p 2222 -W %h:%p me@box")


def test_a_hop_without_options_is_a_plain_jump() -> None:
    assert hop("").jump() == ["-J", "me@box:2222"]
    assert hop("", user="").command() == ["ssh", "-p", "2222", "box"]
    assert hop("command=/opt/ssh").jump()[0] == "-o"


def test_an_address_of_ipv6_stands_in_brackets_only_where_a_port_may_follow() -> None:
    found = facts("qemu+ssh://me@[fe80::1]/system").ssh_hop
    assert found and found.command() == ["ssh", "me@fe80::1"]
    assert found.jump() == ["-J", "me@[fe80::1]"]


@pytest.mark.parametrize("uri", ["qemu+ssh://-oProxyCommand=x/system", "qemu+ssh://-x@box/system"])
def test_a_host_that_ssh_would_take_for_an_option_is_refused(uri: str) -> None:
    with pytest.raises(BadInput):
        facts(uri)
