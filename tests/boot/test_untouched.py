"""A stopped guest enters and leaves at once: nothing was written, and no secret was seen anywhere.

One stay for all promises here; its script is the owner's own, as ``rescue enter --run`` passes it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from lab import cache, guest
from lab.layout import Layout
from lifebuoy.hypervisor import Completed, Host
from lifebuoy.model import BootVerdict, InstanceState
from lifebuoy.operations.context import Context
from lifebuoy.operations.leave import LeaveRequest, Left, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import media, record
from lifebuoy.rescue.cdrom import SEED_SERIAL
from lifebuoy.rescue.markup import parse
from tests.boot import dirty, machine
from tests.boot.visit import visit

NAME: Final = "untouched"
PASSWORD: Final = "Rescue-Me-2026"
SCRIPT: Final = b"""
echo "to standard output"
echo "to standard error" >&2
udevadm settle -t 60
echo "mounted: $(findmnt -rno SOURCE | grep -c -e /dev/vd -e /dev/mapper)"
echo "swap: $(tail -n +2 /proc/swaps | wc -l)"
echo "arrays: $(ls /dev/md* 2>/dev/null | wc -l)"
echo "active volumes: $(lvs --noheadings -o lv_active 2>/dev/null | grep -c active)"
echo "volumes: $(lvs --noheadings -o vg_name,lv_name | xargs)"
echo "types: $(lsblk -rno FSTYPE /dev/vdb | xargs)"
exit 3
"""


@dataclass(frozen=True)
class Stage:
    """All that was seen before, during and after the one stay."""

    files_before: dict[str, str]
    files_after: dict[str, str]
    facts_before: machine.Facts
    facts_after: machine.Facts
    script: Completed
    seed_in_store: bool
    seed_in_drive: bool
    seen_inside: list[str]
    media_after: list[str]
    images_after: int
    state_after: InstanceState
    left: Left
    leaks: list[str]


def digests(files: list[Path]) -> dict[str, str]:
    found = {}
    for file in files:
        with file.open("rb") as stream:
            found[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def leaks(places: list[Path], texts: dict[str, str], secrets: list[str]) -> list[str]:
    """Where one of the secrets can be read: in texts, files, command lines, environments."""
    contents = {name: text.encode() for name, text in texts.items()}
    for place in places:
        for file in place.rglob("*"):
            if file.name == "driver.pid":  # libvirt's lock on it goes when this process closes it
                continue
            if stat.S_ISREG(file.stat().st_mode) and not file.name.startswith("rescue-"):
                contents[str(file)] = file.read_bytes()
    for process in Path("/proc").glob("[0-9]*"):
        for part in ("cmdline", "environ"):
            try:
                contents[str(process / part)] = (process / part).read_bytes()
            except OSError:
                continue  # it has ended, or is not ours
    return [
        name
        for name, content in contents.items()
        if any(secret.encode() in content for secret in secrets)
    ]


@pytest.fixture(scope="module")
def stage(
    embedded: Host,
    context: Context,
    short_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    lab = cache.folder(os.environ)
    folder = tmp_path_factory.mktemp("disks")
    built = guest.get(lab, Layout.BIOS, print)
    disks = [guest.overlay(built.base, folder / "vda.qcow2"), dirty.get(lab, folder / "vdb.raw")]
    xml = machine.of_guest(Layout.BIOS, disks[0], name=NAME)
    xml = machine.with_devices(xml, machine.disk(disks[1], "vdb"))
    domain = machine.settled(embedded, xml)
    files = [*disks, built.base]
    log = folder / "log" / "everything"
    log.parent.mkdir()
    handler = logging.FileHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        before, facts_before = digests(files), machine.facts(domain)
        with visit(context, domain, EnterRequest(NAME, PASSWORD, script=SCRIPT)) as stay:
            assert stay.entered.script is not None
            seed = media.seed_name(stay.stay.session)
            drives = [
                disk
                for disk in parse(domain.xml(live=True)).iterfind("devices/disk")
                if disk.findtext("serial") == SEED_SERIAL and disk.find("source[@file]") is not None
            ]
            with stay.shell() as shell:
                inside = shell("lsblk -rno NAME").split()
                password_hash = shell("cut -d: -f2 /etc/shadow | head -n 1").strip()
            assert password_hash.startswith("$6$")
            host_key = stay.domain.agent.read_file("/run/lifebuoy/ssh_host_ed25519_key").decode()
            texts = {
                "definition": domain.xml(secure=True),
                "running definition": domain.xml(live=True, secure=True),
                "output": stay.entered.script.stdout.decode() + repr(stay.entered),
            }
            places = [short_dir / "embed", log.parent]
            secrets = [PASSWORD, password_hash, host_key.splitlines()[2]]
            found = leaks(places, texts, secrets)
            in_store = embedded.store.find(seed) is not None
            left = leave(context, LeaveRequest(NAME))
        handler.flush()
        names = [file.name for file in embedded.store.list()]
        yield Stage(
            before,
            digests(files),
            facts_before,
            machine.facts(domain),
            stay.entered.script,
            in_store,
            bool(drives),
            inside,
            machine.stay_media(embedded),
            len([name for name in names if name == context.catalogue.get().media_name]),
            record.state_of(domain, record.read(domain)),
            left,
            found + leaks(places, {"definition afterwards": domain.xml(secure=True)}, secrets),
        )
    finally:
        logging.getLogger().removeHandler(handler)
        machine.forget(embedded, domain)


def test_not_a_byte_of_any_disk_was_written(stage: Stage) -> None:
    assert len(stage.files_before) == 3
    assert stage.files_after == stage.files_before


def test_nothing_of_the_disks_was_mounted_assembled_activated_or_swapped_to(stage: Stage) -> None:
    said = stage.script.stdout.decode()
    for line in ("mounted: 0", "swap: 0", "arrays: 0", "active volumes: 0"):
        assert line in said
    assert f"volumes: {dirty.VOLUME_GROUP} data" in said, "they were there to be activated"
    assert "types: ext4 xfs swap LVM2_member" in said
    assert {"vda", "vda1", "vdb", "vdb1"} <= set(stage.seen_inside)


def test_the_definition_comes_back_byte_for_byte_and_it_stays_stopped(stage: Stage) -> None:
    assert stage.facts_after == stage.facts_before
    assert not stage.facts_after.runs and stage.state_after is InstanceState.STOPPED
    assert stage.left.boot.verdict is BootVerdict.NOT_STARTED and stage.left.differences == ()


def test_the_seed_is_gone_while_rescue_mode_goes_on(stage: Stage) -> None:
    assert not stage.seed_in_store and not stage.seed_in_drive


def test_nothing_but_the_shared_image_is_left_in_the_store(stage: Stage) -> None:
    assert stage.media_after == [] and stage.images_after == 1


def test_no_secret_of_the_stay_can_be_read_anywhere(stage: Stage) -> None:
    assert stage.leaks == []


def test_the_owners_script_ran_once_and_its_output_and_exit_status_are_told(stage: Stage) -> None:
    assert stage.script.status == 3
    assert stage.script.stdout.startswith(b"to standard output\n")
    assert stage.script.stderr.startswith(b"to standard error\n")
