"""Which unit files systemd loads; the texts are by the manual, systemd.syntax(7)."""

from __future__ import annotations

import pytest

from lifebuoy.guest.doctor.formats import unitfile

SOUND = "[Unit]\nDescription=x\n\n[Service]\nExecStart=/usr/bin/x --y\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SOUND, ""),
        (SOUND.replace("Description=x", "; comment\n# comment\nDescription=a\\\n# b\nc"), ""),
        (SOUND + "no setting\n", ""),
        ("ignored=yes\n" + SOUND, ""),
        (SOUND.replace("ExecStart", "ExecStop"), ""),
        ("[Unit]\nWants=x.service\n", ""),
        ("", "is empty, which masks it"),
        ("\n \n", "is empty, which masks it"),
        (SOUND + "\0\0", "has zeros in it"),
        (SOUND.replace("[Service]", "[Service"), "has the section header [Service"),
        ("Description=x\n", "has no section"),
        (SOUND.replace("ExecStart", "Exec-tart"), "starts nothing"),
    ],
)
def test_what_systemd_refuses_is_told(text: str, why: str) -> None:
    assert unitfile.fault(text, "x.service") == why


def test_programs_that_must_be_there_are_named() -> None:
    more = "ExecStart=@!/usr/bin/a b\nExecStart=-/usr/bin/c\nExecStart=echo d\nExecStart=\n"
    more += "ExecStart=/usr/bin/%i\nExecStop=/usr/bin/e\nExecStart= \\\n  /usr/bin/f\n"
    assert unitfile.programs(SOUND + more) == ["/usr/bin/x", "/usr/bin/a", "/usr/bin/f"]


@pytest.mark.parametrize(
    ("path", "is_unit"),
    [
        ("/usr/lib/systemd/system/ssh.service", True),
        ("/lib/systemd/system/ssh.socket", True),
        ("/usr/lib/systemd/system/service.d/10-timeout.conf", True),
        ("/usr/lib/systemd/systemd", False),
        ("/usr/lib/systemd/network/99-default.link", False),
        ("/etc/systemd/system/ssh.service", False),
    ],
)
def test_a_packages_units_are_told_by_their_place(path: str, is_unit: bool) -> None:
    assert unitfile.is_unit(path) is is_unit
