"""The lab's own promises that need no guest: keys, cache, archive, registry, definition, login."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from lab import archive, cache, root, scripts
from lab.breakage import registry
from lab.definition import domain_xml
from lab.layout import Firmware, Layout
from lab.login import Verdict, on_serial
from lab.recipe import Where

UUID = "5e1e9b0a-7c0e-4d8f-9f5c-0d5f2d1c9a11"
SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")


def definition(layout: Layout) -> etree._Element:
    nvram = Path("/srv/vars.fd") if layout is Layout.UEFI else None
    text = domain_xml(layout, Path("/srv/a.qcow2"), name="a", uuid=UUID, nvram=nvram)
    return etree.fromstring(text)


def test_a_key_changes_with_any_input_and_their_order() -> None:
    assert cache.key("a", "b") == cache.key("a", "b")
    keys = [cache.key("a", "b"), cache.key("b", "a"), cache.key("ab"), cache.key("ab", "")]
    assert len(set(keys)) == 4


def test_the_root_is_built_anew_when_a_package_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    before = root.key()
    monkeypatch.setattr(root, "PACKAGES", (*root.PACKAGES, "nano"))
    assert root.key() != before


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/home/u"}, "/home/u/.cache/lifebuoy/lab"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/x"}, "/x/lifebuoy/lab"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/x", "LIFEBUOY_CACHE": "/l"}, "/l/lab"),
    ],
)
def test_the_environment_chooses_the_cache_folder(
    environment: dict[str, str], expected: str
) -> None:
    assert cache.folder(environment) == Path(expected)


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    calls = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "file").write_text("made")

    for _ in range(2):
        assert (cache.keep(tmp_path, "thing", "0", build) / "file").read_text() == "made"
    assert len(calls) == 1


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_nothing_half_made_is_kept(tmp_path: Path, failure: type[BaseException]) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("")
        raise failure

    with pytest.raises(failure):
        cache.keep(tmp_path, "thing", "0", build)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_a_killed_builder_left_does_not_reach_the_entry(tmp_path: Path) -> None:
    left = tmp_path / ".thing-0.partial"
    left.mkdir()
    (left / "half").write_text("")
    entry = cache.keep(tmp_path, "thing", "0", lambda folder: None)
    assert list(entry.iterdir()) == []


@pytest.mark.skipif(not shutil.which("cpio"), reason="needs cpio")
def test_cpio_reads_the_archive() -> None:
    data = archive.newc({"init": "#!/bin/sh\n", "job/00/script": "true"})
    assert len(data) % 4 == 0
    command = ["cpio", "--list", "--quiet"]
    listed = subprocess.run(command, input=data, capture_output=True, check=True, timeout=10)
    assert listed.stdout.decode().split() == ["init", "job", "job/00", "job/00/script"]


def test_the_registry_holds_one_breakage_per_file() -> None:
    folder = Path(__file__).parents[2] / "lab" / "breakage"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert set(registry()) == files
    assert len(files) >= 10


@pytest.mark.parametrize("name", registry())
def test_a_breakage_is_valid_shell_and_says_what_it_does(name: str) -> None:
    breakage = registry()[name]
    assert breakage.description
    assert breakage.layouts
    script = breakage.live_script()
    subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=10)
    assert "$ROOT" in breakage.commands or "$DISK" in breakage.commands


def test_a_truncated_libc_is_not_for_a_running_guest() -> None:
    assert registry()["libc_truncated"].where is Where.OFFLINE


@pytest.mark.parametrize("layout", Layout)
def test_every_layout_has_a_script_that_the_shell_accepts(layout: Layout) -> None:
    text = scripts.read("common.sh") + scripts.read(f"{layout}.sh") + scripts.read("guest.sh")
    subprocess.run(["sh", "-n"], input=text, text=True, check=True, timeout=10)


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs libvirt's schemas")
@pytest.mark.parametrize("layout", Layout)
def test_the_definition_is_valid_for_libvirt(layout: Layout) -> None:
    etree.RelaxNG(etree.parse(str(SCHEMA))).assertValid(definition(layout))


@pytest.mark.parametrize("layout", Layout)
def test_the_definition_boots_vda_with_the_firmware_of_the_layout(layout: Layout) -> None:
    domain = definition(layout)
    assert domain.get("type") == "qemu"
    assert domain.findtext("uuid") == UUID
    (disk,) = domain.findall("devices/disk")
    target = disk.find("target")
    assert target is not None
    assert (target.get("dev"), target.get("bus")) == ("vda", "virtio")
    assert (domain.find("os/loader") is not None) == (layout.firmware is Firmware.UEFI)
    assert (domain.find("os/bios[@useserial='yes']") is not None) == (
        layout.firmware is Firmware.BIOS
    )


def test_a_guest_without_the_agent_channel_is_among_them() -> None:
    with_channel = [definition(layout).find("devices/channel") is not None for layout in Layout]
    assert any(with_channel)
    assert not all(with_channel)


class FakeGuest:
    """A guest's serial line that answers each line typed; time passes only when it is silent."""

    def __init__(self, boot: bytes, answer: Callable[[bytes], bytes]) -> None:
        self._pending = io.BytesIO(boot).read()
        self._answer = answer
        self.now = 0.0

    def read(self, timeout_s: float) -> bytes:
        data, self._pending = self._pending[:7], self._pending[7:]
        if not data:
            self.now += timeout_s
        return data

    def write(self, data: bytes) -> None:
        self._pending += data + self._answer(data.strip())

    def clock(self) -> float:
        return self.now


def answers(table: dict[bytes, bytes]) -> Callable[[bytes], bytes]:
    return lambda line: table.get(line, b"")


ACCEPTING = {b"root": b"Password: ", b"good": b"\r\nroot@a:~# ", b"bad": b"\r\nLogin incorrect\r\n"}


def test_a_shell_that_calculates_is_an_accepted_login() -> None:
    table = {**ACCEPTING, b"echo lab-$((40+2))": b"\x1b[?2004llab-42\r\nroot@a:~# "}
    guest = FakeGuest(b"\x1b[1;1HLoading\r\nDebian a ttyS0\r\n\r\na login: ", answers(table))
    seen = on_serial(guest, "good", timeout_s=10, clock=guest.clock)
    assert seen.accepted, seen.transcript


def test_the_echo_of_the_command_is_not_taken_for_its_result() -> None:
    guest = FakeGuest(b"a login: ", answers(ACCEPTING))
    assert not on_serial(guest, "good", timeout_s=10, clock=guest.clock).accepted


def test_a_wrong_password_is_refused() -> None:
    guest = FakeGuest(b"a login: ", answers(ACCEPTING))
    seen = on_serial(guest, "bad", timeout_s=10, clock=guest.clock)
    assert seen.verdict is Verdict.REFUSED


def test_a_getty_that_asks_again_refuses() -> None:
    guest = FakeGuest(b"a login: ", answers({b"root": b"\r\nDebian\r\n\r\na login: "}))
    seen = on_serial(guest, "good", timeout_s=1000, clock=guest.clock)
    assert seen.verdict is Verdict.REFUSED
    assert seen.seconds < 10


def test_last_words_spare_the_wait() -> None:
    guest = FakeGuest(b"error: unknown filesystem.\r\ngrub rescue> ", answers({}))
    words = registry()["grub_files_gone"].last_words
    seen = on_serial(guest, "good", timeout_s=1000, last_words=words, clock=guest.clock)
    assert seen.verdict is Verdict.NO_LOGIN
    assert seen.seconds < 10


def test_a_guest_that_stops_in_grub_has_no_login() -> None:
    guest = FakeGuest(b"error: unknown filesystem.\r\ngrub rescue> ", answers({}))
    seen = on_serial(guest, "good", timeout_s=10, clock=guest.clock)
    assert seen.verdict is Verdict.NO_LOGIN
    assert seen.last_seen.endswith("grub rescue>")
