"""Where graphics servers listen, read from live definitions."""

from __future__ import annotations

import pytest

from lifebuoy.hypervisor.graphics import Graphics, listening


@pytest.mark.parametrize(
    ("element", "server"),
    [
        (
            "<graphics type='vnc' port='5901' autoport='yes' listen='127.0.0.1'>"
            "<listen type='address' address='127.0.0.1'/></graphics>",
            Graphics("vnc", "127.0.0.1", 5901, None),
        ),
        (
            "<graphics type='vnc' port='5900'><listen type='network' address='10.0.0.1'/>"
            "</graphics>",
            Graphics("vnc", "10.0.0.1", 5900, None),
        ),
        (
            "<graphics type='vnc' socket='/run/a'><listen type='socket' socket='/run/a'/>"
            "</graphics>",
            Graphics("vnc", "", None, "/run/a"),
        ),
        (
            "<graphics type='spice' port='-1' tlsPort='5902' listen='0.0.0.0'/>",
            Graphics("spice", "0.0.0.0", 5902, None),
        ),
        (
            "<graphics type='spice'><listen type='none'/></graphics>",
            Graphics("spice", "", None, None),
        ),
    ],
)
def test_a_server_is_found_where_it_listens(element: str, server: Graphics) -> None:
    assert listening(f"<domain><devices>{element}</devices></domain>") == [server]
