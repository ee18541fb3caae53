"""Domains on the embedded driver: real QEMU, no daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from lxml import etree

from lifebuoy.errors import AgentUnavailable, BadInput, HostTrouble, NotFound, Refused
from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.hypervisor.bootsector import DONE, boot_disk
from lifebuoy.model import RunState
from tests.libvirt.conftest import SHORT_TMP, definition

Made = Callable[[Host, str], Domain]

BIOS_LINE = b"Booting from Hard Disk"
SECONDS = 30


@pytest.fixture
def domain(embedded: Host, made: Made) -> Domain:
    return made(embedded, definition("lb-small"))


def test_a_domain_starts_and_stops(domain: Domain) -> None:
    assert domain.run_state() is RunState.STOPPED
    domain.start(paused=True)
    assert domain.run_state() is RunState.PAUSED
    domain.resume()
    assert domain.run_state() is RunState.RUNNING
    domain.destroy()
    assert domain.run_state() is RunState.STOPPED
    domain.destroy()


def test_serial_misses_not_a_byte_of_a_boot(domain: Domain) -> None:
    domain.start(paused=True)
    with domain.open_serial() as console:
        domain.resume()
        assert b"SeaBIOS (version" in console.read_until(BIOS_LINE, SECONDS)


def test_serial_ends_when_the_domain_does(domain: Domain) -> None:
    domain.start(paused=True)
    with domain.open_serial() as console:
        assert console.read(0.05) == b""
        domain.destroy()
        with pytest.raises(EOFError):
            console.read(SECONDS)


def test_serial_is_refused_to_a_second_reader_and_given_by_force(domain: Domain) -> None:
    domain.start(paused=True)
    with domain.open_serial() as first:
        with pytest.raises(HostTrouble) as caught:
            domain.open_serial()
        assert "force" in caught.value.hint
        with domain.open_serial(force=True) as second:
            with pytest.raises(EOFError):
                first.read(SECONDS)
            domain.resume()
            second.read_until(BIOS_LINE, SECONDS)
            second.write(b"\r")


def test_a_silent_console_does_not_hold_up_other_calls(domain: Domain) -> None:
    domain.start(paused=True)
    with domain.open_serial() as console:
        reader = threading.Thread(target=lambda: console.read(8))
        reader.start()
        for _ in range(20):
            domain.run_state()
            domain.xml(live=True)
        assert domain.screenshot_png()
        assert reader.is_alive()
        reader.join()


def test_a_screenshot_is_a_png(domain: Domain) -> None:
    domain.start()
    assert domain.screenshot_png().startswith(b"\x89PNG")


def test_the_screen_opens_without_its_password(domain: Domain) -> None:
    domain.start()
    (server,) = domain.graphics()
    assert (server.type, server.port) == ("vnc", None) and server.socket
    descriptor = domain.open_graphics_fd()
    try:
        assert os.read(descriptor, 3) == b"RFB"
    finally:
        os.close(descriptor)


def test_the_graphics_password_is_read_only_when_asked_for(domain: Domain) -> None:
    assert "vncword1" not in domain.xml()
    assert "vncword1" in domain.xml(secure=True)


def test_ssh_is_forwarded_once_and_taken_back(domain: Domain) -> None:
    domain.start()
    assert domain.user_interfaces() == ["hostnet0"]
    assert domain.forwarded_ssh_port() is None
    port = domain.forward_ssh()
    assert domain.forward_ssh() == port == domain.forwarded_ssh_port()
    domain.remove_forward(port)
    assert domain.forwarded_ssh_port() is None
    domain.remove_forward(port)


def test_without_an_agent_nothing_pretends_there_is_one(domain: Domain) -> None:
    domain.start()
    assert domain.agent.ping(1) is False
    assert domain.agent.wait(0.5) is False
    assert domain.agent.wait(SECONDS, cancelled=lambda: True) is False
    assert domain.addresses() == []
    with pytest.raises(AgentUnavailable):
        domain.agent.run(["true"], timeout_s=5)
    with pytest.raises(BadInput):
        domain.agent.run(["cat"], stdin=b"x" * 200_000)


def test_metadata_are_in_the_running_and_the_next_definition(domain: Domain) -> None:
    domain.start(paused=True)
    domain.set_metadata("urn:x", "x", "<x><inner a='1'/></x>")
    for xml in (domain.xml(), domain.xml(live=True), domain.metadata("urn:x") or ""):
        assert "inner" in xml
    domain.set_metadata("urn:x", "x", None)
    assert "inner" not in domain.xml() + domain.xml(live=True)
    assert domain.metadata("urn:x") is None


def test_a_medium_is_ejected_now_and_for_the_next_start(embedded: Host, made: Made) -> None:
    media = embedded.store.put("disc.iso", boot_disk(), shared=True)
    try:
        domain = made(embedded, definition("lb-disc", medium=media.path))
        domain.start()
        domain.eject("hda")
        for xml in (domain.xml(), domain.xml(live=True)):
            drive = etree.fromstring(xml).find("devices/disk")
            assert drive is not None and drive.find("source[@file]") is None
        with pytest.raises(NotFound):
            domain.eject("sdz")
        domain.destroy()
    finally:
        embedded.store.remove("disc.iso", wipe=True)
    assert embedded.store.find("disc.iso") is None


def test_a_poweroff_can_be_made_an_end(domain: Domain) -> None:
    domain.start(paused=True)
    domain.set_poweroff_action_destroy()
    assert "<on_poweroff>destroy" in domain.xml(live=True)


def test_undefining_keeps_a_domain_unknown(embedded: Host) -> None:
    domain = embedded.define(definition("lb-gone"))
    assert domain.snapshot_count == 0 and not domain.has_managed_save
    domain.undefine()
    assert "lb-gone" not in [one.name for one in embedded.domains()]


def test_the_sector_that_proves_a_processor_runs_in_emulation(embedded: Host) -> None:
    from lifebuoy.hypervisor.kvm import _probe_xml

    disk = embedded.store.put("sector.img", boot_disk(), shared=True)
    domain = embedded.launch(_probe_xml("qemu", "", disk.path), paused=True)
    try:
        with domain.open_serial() as console:
            domain.resume()
            console.read_until(DONE, SECONDS)
    finally:
        domain.destroy()
        embedded.store.remove("sector.img", wipe=False)
    assert domain.wait_stopped(1)


def test_small_files_keep_owner_and_mode(embedded: Host, tmp_path: Path) -> None:
    file = tmp_path / "vars.fd"
    assert embedded.file_exists(str(file)) is False
    embedded.write_file(str(file), b"new")
    assert file.stat().st_mode & 0o777 == 0o600
    os.chown(file, 1234, 1234)
    file.chmod(0o640)
    (file.parent / f".{file.name}.lifebuoy").write_bytes(b"of a killed process")
    embedded.write_file(str(file), b"other")
    assert embedded.read_file(str(file)) == b"other" and embedded.file_exists(str(file)) is True
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (1234, 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["vars.fd"]
    with pytest.raises(NotFound):
        embedded.read_file(str(tmp_path / "none"))
    with pytest.raises(BadInput):
        embedded.read_file("relative")


@pytest.mark.usefixtures("embedded")
def test_a_second_process_is_told_what_to_use_instead(short_dir: Path) -> None:
    connect("embed", state_dir=short_dir).close()  # once more, which must not give it up
    script = (
        "import sys; from pathlib import Path; from lifebuoy.hypervisor import connect\n"
        "from lifebuoy.errors import Busy\n"
        "try: connect('embed', state_dir=Path(sys.argv[1]))\n"
        "except Busy as error: print('busy', error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(short_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("busy") and "qemu:///system" in done.stdout
    assert done.stderr == ""


#: Dies as libvirt would be found to have died had it been killed right before it starts QEMU.
_KILLED_WHILE_STARTING = """
import os, re, signal, sys
from pathlib import Path
from lifebuoy.hypervisor import connect
host = connect("embed", state_dir=Path(sys.argv[1]))
domain = host.define(sys.stdin.read())
domain.start()
note = Path(sys.argv[1], "embed/run/qemu/half.xml")
text = re.sub("<domstatus [^>]*>", "<domstatus state='paused' reason='starting up' pid='0'>",
              note.read_text(), count=1)
domain.destroy()
note.write_text(text)
os.kill(os.getpid(), signal.SIGKILL)
"""
_START = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
with connect("embed", state_dir=Path(sys.argv[1])) as host:
    domain = host.domain("half")
    print("was running" if domain.active else "was stopped")
    domain.start()
    domain.destroy()
"""


def test_a_process_killed_while_libvirt_starts_a_machine_does_not_block_the_next() -> None:
    with tempfile.TemporaryDirectory(prefix="lb-", dir=SHORT_TMP) as folder:
        words = [sys.executable, "-c", _KILLED_WHILE_STARTING, folder]
        killed = subprocess.run(words, input=definition("half"), text=True, timeout=60, check=False)
        assert killed.returncode == -signal.SIGKILL
        done = _apart(_START, folder)
        assert done.returncode == 0 and done.stdout == "was stopped\n", done.stderr


_DEFINE_AND_LEAVE_RUNNING = """
import sys
from pathlib import Path
from lifebuoy.hypervisor import connect
connect("embed", state_dir=Path(sys.argv[1])).define(sys.stdin.read()).start()
"""
_STOP = """
import sys
from pathlib import Path
from lifebuoy.errors import LifebuoyError
from lifebuoy.hypervisor import connect
try:
    with connect("embed", state_dir=Path(sys.argv[1])) as host:
        domain = host.domain("half")
        print("was running" if domain.active else "was stopped")
        domain.destroy()
except LifebuoyError as error:
    print(error.code)
"""


def test_a_full_disk_is_told_before_libvirt_ends_what_runs() -> None:
    with tempfile.TemporaryDirectory(prefix="lb-", dir=SHORT_TMP) as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=711", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("cannot mount a small file system here")
        try:
            started = _apart(_DEFINE_AND_LEAVE_RUNNING, folder, definition("half"))
            assert started.returncode == 0, started.stderr
            filler = Path(folder, "filler")
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(4096))
            assert _apart(_STOP, folder).stdout == "no-space\n"
            filler.unlink()
            assert _apart(_STOP, folder).stdout == "was running\n"
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _apart(program: str, folder: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A process of its own: the embedded driver keeps its folder as long as a process lives."""
    words = [sys.executable, "-c", program, folder]
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def test_another_folder_in_the_same_process_is_refused(embedded: Host, tmp_path: Path) -> None:
    with pytest.raises((HostTrouble, BadInput)):
        connect("embed", state_dir=tmp_path)


def test_a_remote_host_is_not_asked_for_its_graphics_socket(domain: Domain) -> None:
    from dataclasses import replace

    from lifebuoy.hypervisor.link import Link

    link = domain._link
    far = Link(link.conn, replace(link.facts, is_remote=True))
    with pytest.raises(Refused):
        Domain(far, domain._raw).open_graphics_fd()
