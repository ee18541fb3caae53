"""The doctor sees a system through RAID, LUKS and LVM, writes nothing while looking, and mends it.

In the rescue system, as only its kernel is known to have all of them; one stay for all. What is on
the disks is compared on this machine, out of reach of the guest's caches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from lifebuoy.hypervisor import Host
from lifebuoy.operations import repair, unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import Work
from lifebuoy.operations.plan import EnterRequest
from tests.boot import machine
from tests.boot.inside import Shell
from tests.boot.visit import visit

NAME: Final = "layered"
PASSPHRASE: Final = "öffne die Platte 1"
DISKS: Final = ("vda", "vdb", "vdc")
SIZE_MIB: Final = 96
LOOK_S: Final = 240.0
FAULT: Final = "login-nologin"
#: a key that is worked out quickly, also in emulation
QUICKLY: Final = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
pytestmark = pytest.mark.slow

RAID1: Final = "mdadm --create /dev/md0 --run -q -l 1 -n 2 --assume-clean"
RAID5: Final = (
    "mdadm --create /dev/md0 --run -q -l 5 -n 3 --assume-clean /dev/vda /dev/vdb /dev/vdc"
)
PAIR: Final = "pvcreate -qq /dev/vda /dev/vdb; vgcreate -qq shop /dev/vda /dev/vdb"
#: how each is made, and the node that a file system goes on
LAYERS: Final = {
    "mirror": (f"{RAID1} /dev/vda /dev/vdb", "/dev/md0"),
    "mirror-with-its-superblock-at-the-end": (
        f"{RAID1} --metadata=1.0 /dev/vda /dev/vdb",
        "/dev/md0",
    ),
    "old-mirror": (f"{RAID1} --metadata=0.90 /dev/vda /dev/vdb", "/dev/md0"),
    "raid5": (RAID5, "/dev/md0"),
    "lvm-in-pieces": (f"{PAIR}; lvcreate -qq -y -n root -l 100%FREE shop", "/dev/shop/root"),
    "lvm-striped": (f"{PAIR}; lvcreate -qq -y -n root -i 2 -l 100%FREE shop", "/dev/shop/root"),
    "luks": (
        f"cryptsetup luksFormat -q {QUICKLY} /dev/vda /run/word; "
        "cryptsetup open -d /run/word /dev/vda inner",
        "/dev/mapper/inner",
    ),
    "lvm-on-luks": (
        "cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 /dev/vda /run/word; "
        "cryptsetup open -d /run/word /dev/vda inner; pvcreate -qq /dev/mapper/inner; "
        "vgcreate -qq shop /dev/mapper/inner; lvcreate -qq -y -n root -l 100%FREE shop",
        "/dev/shop/root",
    ),
    "lvm-in-pieces-on-luks-on-a-mirror": (
        f"{RAID1} /dev/vda /dev/vdb; cryptsetup luksFormat -q {QUICKLY} /dev/md0 /run/word; "
        "cryptsetup open -d /run/word /dev/md0 inner; "
        "pvcreate -qq /dev/mapper/inner /dev/vdc; vgcreate -qq shop /dev/mapper/inner /dev/vdc; "
        "lvcreate -qq -y -n root -l 100%FREE shop",
        "/dev/shop/root",
    ),
}
#: opens by hand what was made, and closes it
OPEN: Final = """
! mdadm --examine /dev/vda >/dev/null 2>&1 ||
    mdadm --assemble -q /dev/md0 --config=none $(blkid -t TYPE=linux_raid_member -o device)
for node in /dev/md0 /dev/vda; do
    [ ! -b $node ] || ! cryptsetup isLuks $node || cryptsetup open -d /run/word $node inner
done
vgchange -qq -ay
"""
CLOSE: Final = """
sync; vgchange -qq -an; [ ! -e /dev/mapper/inner ] || cryptsetup close inner
udevadm settle; [ ! -e /sys/block/md0 ] || mdadm --stop -q /dev/md0
udevadm settle; for disk in vda vdb vdc; do blockdev --flushbufs /dev/$disk; done
"""
EMPTY: Final = """
for disk in vda vdb vdc; do
    mdadm --zero-superblock /dev/$disk 2>/dev/null; blkdiscard -z /dev/$disk; done; udevadm settle
"""


@dataclass(frozen=True)
class Bench:
    """The machine with its disks, and a shell in its rescue system."""

    folder: Path
    shell: Shell
    context: Context

    def make(self, how: str) -> str:
        """A system that nobody can log in to, on these layers, closed; the node that it is on."""
        commands, node = LAYERS[how]
        self.shell(f"set -e; {commands}; mkfs.ext4 -q {node}; mount {node} /mnt/data; cd /mnt/data")
        self.shell(
            "cd /mnt/data; mkdir -p etc usr/bin var/lib; touch etc/nologin; "
            f"echo {node} / ext4 defaults 0 1 >etc/fstab; "
            "echo root:x:0:0::/root:/bin/sh >etc/passwd"
        )
        self.shell(
            "for disk in md0 vda; do [ ! -b /dev/$disk ] || ! cryptsetup isLuks /dev/$disk || "
            'echo "inner UUID=$(cryptsetup luksUUID /dev/$disk) none luks" '
            ">/mnt/data/etc/crypttab; done; umount /mnt/data"
        )
        self.close()
        return node

    def open(self) -> None:
        """Open everything by hand."""
        self.shell(OPEN)

    def close(self) -> None:
        """Close it again, all written out."""
        self.shell(CLOSE)

    def sums(self) -> list[str]:
        """What is on the disks, seen from outside."""
        self.shell("sync")
        return [hashlib.sha256((self.folder / disk).read_bytes()).hexdigest() for disk in DISKS]

    def doctor(self, *words: str, secret: bool = True) -> dict[str, Any]:
        """The doctor's report, asked with the passphrase where there is one."""
        given = " --passphrase-stdin </run/word" if secret else " </dev/null"
        answer = self.shell.ask(f"doctor --json {' '.join(words)}{given}", timeout_s=LOOK_S)
        assert answer.status in (0, 1), answer.text
        assert PASSPHRASE not in answer.text
        report: dict[str, Any] = json.loads(answer.text[answer.text.index("{\n") :])
        return report

    def opened(self) -> str:
        """Mappings, arrays and loop devices over the disks that are open, and notes of them."""
        return self.shell(
            "ls /sys/block | grep -E '^(dm-|md)'; losetup -n -l -O BACK-FILE | "
            "grep -E '/dev/(vd|md|mapper)'; ls /run/lifebuoy-doctor-opened 2>/dev/null || true"
        )


@pytest.fixture(scope="module")
def machinery(
    embedded: Host, context: Context, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("layered")
    disks = [machine.disk(machine.scratch(folder / disk, SIZE_MIB), disk) for disk in DISKS]
    xml = machine.with_devices(machine.bare(NAME), machine.USER_NETWORK, *disks)
    domain = machine.settled(embedded, xml)
    try:
        with (
            visit(context, domain, EnterRequest(NAME, "Rescue-Me-2026")) as visited,
            visited.shell() as shell,
        ):
            shell(f"printf '%s' '{PASSPHRASE}' >/run/word")
            yield Bench(folder, shell, context)
    finally:
        machine.forget(embedded, domain)


@pytest.fixture
def bench(machinery: Bench) -> Iterator[Bench]:
    """Empty disks; what a test opened is closed afterwards."""
    yield machinery
    machinery.shell("umount -R /mnt/data 2>/dev/null || true; " + CLOSE + EMPTY)
    assert machinery.opened() == ""


def found(report: dict[str, Any]) -> list[str]:
    """The ids of all findings."""
    return [one["id"] for link in report["chain"] for one in link["findings"]]


@pytest.mark.parametrize("how", LAYERS)
def test_a_system_is_seen_through_its_layers_and_mended_there(how: str, bench: Bench) -> None:
    node = bench.make(how)
    before = bench.sums()
    report = bench.doctor()
    assert FAULT in found(report), report
    assert not {"root-found", "root-fstab"} & set(found(report)), report
    assert bench.sums() == before, "looking has written"
    assert bench.opened() == "", "looking has left something open"
    mended = bench.doctor("--repair", "--only", FAULT)["repair"]
    assert (mended["mended"], mended["failed"]) == ([FAULT], []), mended
    assert bench.opened() == ""
    assert FAULT not in found(bench.doctor())
    bench.open()
    bench.shell(f"mount -o ro {node} /mnt/data && ! [ -e /mnt/data/etc/nologin ]; umount /mnt/data")
    if how != "raid5" and "mirror" in how:
        assert bench.shell("cat /proc/mdstat").count("[UU]") == 1
        sides = "echo check >/sys/block/md0/md/sync_action; while [ $(cat "
        sides += "/sys/block/md0/md/sync_action) != idle ]; do sleep 0.2; done"
        assert bench.shell(f"{sides}; cat /sys/block/md0/md/mismatch_cnt") == "0\n"


def test_without_its_passphrase_it_stays_closed_and_the_report_says_what_to_do(
    bench: Bench,
) -> None:
    bench.make("lvm-on-luks")
    before = bench.sums()
    for words in ("doctor </dev/null", "echo wrong | doctor --passphrase-stdin"):
        answer = bench.shell.ask(words, timeout_s=LOOK_S)
        assert answer.status == 1
        assert "no root file system was found" in answer.text
        assert "lifebuoy doctor NAME --passphrase" in answer.text
        told = "the passphrase does not open it" in answer.text
        assert told == ("wrong" in words), answer.text
    assert bench.sums() == before
    assert bench.opened() == ""


def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(bench: Bench) -> None:
    bench.make("lvm-on-luks")
    word = PASSPHRASE + "\n"
    dialogue = [("Passphrase for vda", "wrong\n"), ("does not open it (empty", word)]
    said = bench.shell.at_a_terminal("doctor; [ $? = 1 ]", dialogue)
    assert "nologin was left behind" in said and PASSPHRASE not in said
    assert bench.opened() == ""


@pytest.mark.parametrize("how", ["mirror", "lvm-in-pieces-on-luks-on-a-mirror"])
def test_what_the_owner_has_opened_is_used_and_left_open(how: str, bench: Bench) -> None:
    bench.make(how)
    bench.open()
    before = bench.opened()
    assert FAULT in found(bench.doctor(secret=False))
    mended = bench.doctor("--repair", "--only", FAULT, secret=False)["repair"]
    assert mended["mended"] == [FAULT]
    assert bench.opened() == before


def test_what_a_killed_doctor_left_open_is_closed_by_the_next(bench: Bench) -> None:
    how = "lvm-in-pieces-on-luks-on-a-mirror"
    bench.make(how)
    bench.shell(
        f"setsid doctor --repair --only {FAULT} --passphrase-stdin </run/word >/dev/null 2>&1 & "
        "for try in $(seq 600); do [ $(ls -d /sys/block/dm-* 2>/dev/null | wc -l) -lt 2 ] || "
        "break; sleep 0.1; done; kill -9 $!; wait $!; true",
        timeout_s=LOOK_S,
    )
    assert "md200" in bench.opened()
    assert bench.doctor("--repair", "--only", FAULT)["repair"]["failed"] == []
    assert bench.opened() == ""
    assert FAULT not in found(bench.doctor())


def test_half_of_a_mirror_is_looked_at_but_not_written(bench: Bench) -> None:
    bench.make("mirror")
    bench.shell("wipefs -qa /dev/vdb; udevadm settle")
    before = bench.sums()
    assert FAULT in found(bench.doctor())
    left = bench.doctor("--repair", "--only", FAULT)
    assert left["repair"]["mended"] == []
    assert "1 of its 2 disks are not there" in json.dumps(left)
    assert bench.sums() == before
    assert bench.opened() == ""


def test_from_the_host_the_passphrase_goes_in_and_a_repair_opens_the_disk_with_it(
    bench: Bench,
) -> None:
    bench.make("luks")
    word = PASSPHRASE.encode()
    report = repair.examine(bench.context, NAME, LOOK_S, word)
    assert FAULT in {one.id for one in report.findings}
    domain = bench.context.host.domain(NAME)
    request = repair.packed(repair.RepairRequest((FAULT,), LOOK_S, LOOK_S, encrypted=True))
    work = Work(bench.context, domain.uuid, request, repair.Secret(word))
    repairing = repair.REPAIR.make(work)
    with unrecorded.done(bench.context, domain, repair.REPAIR, repairing):
        assert repairing.outcome().mended == (FAULT,)
    assert PASSPHRASE not in json.dumps(repairing.state) + json.dumps(request)
    assert bench.opened() == ""
