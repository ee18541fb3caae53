"""``lifebuoy rescue`` and the power commands on an embedded libvirt, each a process of its own.

The rescue image is an owner's ISO whose system does nothing, so that no boot has to be waited for.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libvirt.command import Command, idle_iso, until
from tests.libvirt.conftest import SHORT_TMP, definition

PASSWORD = "Quiet-Word-5"
_DEFINE = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    domain = host.define(host.define(sys.stdin.read()).xml(secure=True))
    print(domain.xml(secure=True))
"""
_DUMP = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    print(host.domain(sys.argv[2]).xml(secure=True))
"""
_EDIT = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    xml = host.domain(sys.argv[2]).xml(secure=True)
    host.define(xml.replace("<devices>", "<description>edited</description><devices>", 1))
"""
_DESTROY = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=Path("/nowhere")) as host:
    for domain in host.domains():
        domain.destroy()
"""
#: What there is of a viewer here: it goes where it is told to and keeps what it hears.
_VIEWER = """#!{python} -S
import socket, sys
kind, place = sys.argv[1].split("://")
if kind.endswith("+unix"):
    end = socket.socket(socket.AF_UNIX)
    end.connect(place)
else:
    host, port = place.split(":")
    end = socket.create_connection((host, int(port)))
open("{greeting}", "wb").write(end.recv(12))
"""


@pytest.fixture(scope="module")
def lifebuoy() -> Iterator[Command]:
    """A user with an embedded libvirt and an image; nothing runs afterwards."""
    home = Path(tempfile.mkdtemp(prefix="lbc-", dir=SHORT_TMP))
    command = Command(f"qemu:///embed?root={home}/e", home)
    iso = idle_iso(home / "idle.iso")
    added = command("image", "add", str(iso), "--id", "idle", "--name", "Does nothing", "--json")
    assert added.json("image")["image"]["default"] is True
    try:
        yield command
    finally:
        command.python(_DESTROY)
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def vm(lifebuoy: Command) -> str:
    """The definition of the stopped instance 'vm', as libvirt prints it."""
    text = definition("vm").replace("<memory unit='MiB'>48<", "<memory unit='MiB'>512<")
    return lifebuoy.python(_DEFINE, stdin=text)


def state(lifebuoy: Command) -> str:
    return str(lifebuoy("show", "vm", "--json").json("instance")["state"])


def media(lifebuoy: Command) -> list[str]:
    return [p.name for p in (lifebuoy.home / "e/media").iterdir() if p.name.startswith("stay-")]


def test_a_dry_run_shows_the_difference_and_touches_nothing(lifebuoy: Command, vm: str) -> None:
    found = lifebuoy("rescue", "enter", "vm", "--dry-run", "--json").json("rescue-dry-run")
    assert "lifebuoy-rescue" in found["difference"] and "vncword1" not in found["difference"]
    assert lifebuoy.python(_DUMP, "vm") == vm and media(lifebuoy) == []


def test_a_stopped_instance_enters_and_comes_back_exactly(lifebuoy: Command, vm: str) -> None:
    words = ["rescue", "enter", "vm", "--password-stdin", "--no-wait", "--json"]
    entered = lifebuoy(*words, stdin=PASSWORD + "\n")
    found = entered.json("rescue-enter")
    assert (found["state"], found["image"], found["password"]) == ("RESCUE_MODE", "idle", None)
    assert found["access"]["fingerprint"].startswith("SHA256:")
    assert PASSWORD not in entered.out + entered.err
    status = lifebuoy("rescue", "status", "vm", "--json").json("rescue-status")
    assert status["before"] == {"run_state": "stopped", "autostart": False}
    assert status["access"]["host_key"] == found["access"]["host_key"]
    (listed,) = lifebuoy("rescue", "list", "--json").json("instance-list")["instances"]
    assert (listed["name"], listed["image"]) == ("vm", "idle")
    assert lifebuoy("show", "vm", "--json").json("instance")["rescue"]["session"]
    for refused in (["start", "vm"], ["stop", "vm"], ["reboot", "vm"], words):
        again = lifebuoy(*refused, *([] if refused is words else ["--json"]), stdin=PASSWORD + "\n")
        assert again.error()["code"] == "not-allowed"
    assert "in use" in lifebuoy("image", "remove", "idle", "--host", "--json").error()["message"]
    left = lifebuoy("rescue", "exit", "vm", "--json").json("rescue-exit")
    assert left["differences"] == [] and left["boot"]["verdict"] == "stays stopped"
    assert lifebuoy.python(_DUMP, "vm") == vm and media(lifebuoy) == []


def test_an_edit_during_rescue_is_shown_and_dropped_or_kept_as_told(
    lifebuoy: Command, vm: str
) -> None:
    lifebuoy("rescue", "enter", "vm", "--generate-password", "--no-wait")
    lifebuoy.python(_EDIT, "vm")
    error = lifebuoy("rescue", "exit", "vm", "--json").error()
    assert error["code"] == "definition-changed" and "edited" in error["message"]
    status, shown = lifebuoy.at_a_terminal(["rescue", "exit", "vm"], [("[keep/drop/STAY]", b"\n")])
    assert status == 3 and "edited" in shown and state(lifebuoy) == "RESCUE_MODE"
    status, shown = lifebuoy.at_a_terminal(
        ["rescue", "exit", "vm"], [("[keep/drop/STAY]", b"drop\n")]
    )
    assert status == 0 and lifebuoy.python(_DUMP, "vm") == vm


def test_at_a_terminal_the_password_is_asked_for_and_all_ways_in_are_told(
    lifebuoy: Command, vm: str
) -> None:
    status, shown = lifebuoy.at_a_terminal(
        ["rescue", "enter", "vm", "--timeout", "1"],
        [
            ("Rescue password:", b"short\n"),
            ("Rescue password:", PASSWORD.encode() + b"\n"),
            ("Again:", PASSWORD.encode() + b"\n"),
        ],
    )
    assert status == 0 and PASSWORD not in shown and "shorter than 8" in shown
    assert "SHA256:" in shown and "mount /dev/vda1 /mnt/vm1" in shown
    assert lifebuoy("rescue", "exit", "vm").status == 0
    assert lifebuoy.python(_DUMP, "vm") == vm


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupt_puts_everything_back_even_if_it_comes_twice(
    lifebuoy: Command, vm: str, number: signal.Signals
) -> None:
    status, shown = lifebuoy.at_a_terminal(
        ["rescue", "enter", "vm", "--generate-password", "--timeout", "100"],
        [
            ("wait until it can be logged in to", number),
            ("start the rescue system: undone", number),
        ],
    )
    assert status == 130 and "Everything was put back" in shown
    assert state(lifebuoy) == "STOPPED"
    assert lifebuoy.python(_DUMP, "vm") == vm and media(lifebuoy) == []


def test_a_running_instance_is_stopped_only_with_consent(lifebuoy: Command, vm: str) -> None:
    assert lifebuoy("start", "vm", "--json").json("start")["boot"]["verdict"] == "not watched"
    words = ["rescue", "enter", "vm", "--generate-password", "--no-wait", "--stop", "hard"]
    error = lifebuoy(*words, "--json").error()
    assert error["code"] == "consent-needed" and "--consent-force" in error["hint"]
    assert lifebuoy("rescue", "enter", "vm", "--dry-run", "--json").json("rescue-dry-run")[
        "consent_needed"
    ]
    status, shown = lifebuoy.at_a_terminal(words, [("[y/N]", b"\n")])
    assert status == 3 and "lose data" in shown and state(lifebuoy) == "RUNNING"
    status, shown = lifebuoy.at_a_terminal(words, [("[y/N]", b"y\n")])
    assert status == 0 and state(lifebuoy) == "RESCUE_MODE"
    left = lifebuoy("rescue", "exit", "vm", "--watch", "1", "--json").json("rescue-exit")
    assert left["was_running"] and left["differences"] == []
    assert state(lifebuoy) == "RUNNING" and lifebuoy.python(_DUMP, "vm") == vm


def test_the_console_ends_at_its_key_and_stop_stops(lifebuoy: Command, vm: str) -> None:
    if state(lifebuoy) != "RUNNING":
        lifebuoy("start", "vm")
    status, shown = lifebuoy.at_a_terminal(["console", "vm"], [("Connected", b"\x1d")])
    assert status == 0 and "Left the console" in shown
    picture = lifebuoy.home / "vm.png"
    lifebuoy("screenshot", "vm", str(picture), "--json").json("screenshot")
    assert picture.read_bytes().startswith(b"\x89PNG")
    screens = lifebuoy("vnc", "vm", "--json").json("vnc")["screens"]
    assert screens[0]["viewer"][0] == "remote-viewer"
    late = lifebuoy("stop", "vm", "--stop-timeout", "1", "--json").error()
    assert late["code"] == "timed-out" and state(lifebuoy) == "RUNNING"
    answer = lifebuoy("stop", "vm", "--stop", "hard", "--consent-force", "--json")
    assert answer.json("stop")["how"] == "cut off" and state(lifebuoy) == "STOPPED"


def test_a_viewer_is_started_at_the_screen_itself(
    lifebuoy: Command, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state(lifebuoy) != "RUNNING":
        lifebuoy("start", "vm")
    monkeypatch.setenv("PATH", "/usr/sbin:/sbin")  # where there is no viewer
    missing = lifebuoy("vnc", "vm", "--open", "--json").error()
    assert missing["code"] == "missing-tool" and "virt-viewer" in missing["hint"]
    folder = lifebuoy.home / "viewers"
    folder.mkdir()
    greeting = folder / "greeting"  # an RFB server speaks first
    viewer = folder / "remote-viewer"
    viewer.write_text(_VIEWER.format(python=sys.executable, greeting=greeting))
    viewer.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert lifebuoy("vnc", "vm", "--open").status == 0
    assert until(lambda: greeting.exists() and greeting.read_bytes().startswith(b"RFB 003."))
    lifebuoy("stop", "vm", "--stop", "hard", "--consent-force")


def test_images_are_listed_verified_and_removed(lifebuoy: Command) -> None:
    iso = lifebuoy.home / "idle.iso"
    wrong = lifebuoy(
        *("image", "add", str(iso), "--id", "two", "--name", "x"), "--sha256", "0" * 64, "--json"
    )
    assert "another SHA-256" in wrong.error()["message"]
    assert lifebuoy("image", "add", str(iso), "--id", "two", "--name", "Second").status == 0
    lifebuoy("image", "default", "two", "--json").json("image")
    listed = lifebuoy("image", "list", "--json").json("image-list")["images"]
    assert [(image["id"], image["default"]) for image in listed] == [("idle", False), ("two", True)]
    assert "is whole" in lifebuoy("image", "verify").out
    (lifebuoy.home / "images/two/image.iso").write_bytes(b"altered")
    assert lifebuoy("image", "verify", "two", "--json").error()["code"] == "image-unusable"
    lifebuoy("image", "remove", "two", "--json").json("image")
    lifebuoy("image", "default", "idle")
