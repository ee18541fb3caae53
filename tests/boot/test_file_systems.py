"""Everything that a repair needs is in the rescue system: tools, file systems, layers below them.

One stay for all; the machine has three empty disks and no system of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from lifebuoy.hypervisor import Host
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import EnterRequest
from tests.boot import machine
from tests.boot.inside import Shell
from tests.boot.visit import Visit, visit

NAME: Final = "workshop"
PASSPHRASE: Final = "open-the-disk-1"
pytestmark = pytest.mark.slow

TOOLS: Final = """
    bash ls cp dd sshd ssh sftp ip ping qemu-ga
    e2fsck fsck.ext2 fsck.ext3 fsck.ext4 fsck.vfat xfs_repair btrfs resize2fs tune2fs dumpe2fs
    debugfs
    mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkswap
    lvm vgchange vgcfgrestore pvck mdadm cryptsetup
    grub-install grub-mkconfig efibootmgr
    parted sgdisk gdisk fdisk sfdisk testdisk ddrescue wipefs lsblk blkid findmnt mount umount
    rsync curl nano vi less dpkg apt apt-get rpm rpm2cpio cpio tar gzip bzip2 xz zstd
    python3 strace tmux lsof fuser ps chroot file lspci eject
    system-mount system-chroot system-umount reboot poweroff halt shutdown
"""

#: How each is made on /dev/vda, and checked without changing it.
FILE_SYSTEMS: Final = {
    "ext2": ("mkfs.ext2 -q -F /dev/vda", "e2fsck -fn /dev/vda"),
    "ext3": ("mkfs.ext3 -q -F /dev/vda", "e2fsck -fn /dev/vda"),
    "ext4": ("mkfs.ext4 -q -F /dev/vda", "e2fsck -fn /dev/vda"),
    "xfs": ("mkfs.xfs -q -f /dev/vda", "xfs_repair -n /dev/vda"),
    "btrfs": ("mkfs.btrfs -q -f /dev/vda", "btrfs check --readonly /dev/vda"),
    "vfat": ("mkfs.vfat /dev/vda", "fsck.vfat -n /dev/vda"),
}


@pytest.fixture(scope="module")
def stay(
    embedded: Host, context: Context, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("workshop")
    disks = [
        machine.disk(machine.scratch(folder / target, 512), target)
        for target in ("vda", "vdb", "vdc")
    ]
    xml = machine.with_devices(machine.bare(NAME), machine.USER_NETWORK, *disks)
    domain = machine.settled(embedded, xml)
    try:
        with visit(context, domain, EnterRequest(NAME, "Rescue-Me-2026")) as visited:
            yield visited
    finally:
        machine.forget(embedded, domain)


@pytest.fixture
def shell(stay: Visit) -> Iterator[Shell]:
    """A shell; the disks are empty again afterwards."""
    with stay.shell() as opened:
        yield opened
        opened("system-umount --all; wipefs -qa /dev/vda /dev/vdb /dev/vdc; udevadm settle")


def make_root(shell: Shell, device: str, *, folder: str = "") -> None:
    """A tree that looks like a system, on a file system that was made before."""
    shell(f"mount {device} /mnt/data")
    if folder:
        shell(f"btrfs subvolume create /mnt/data/{folder}")
    at = f"/mnt/data/{folder}"
    shell(f"mkdir -p {at}/etc {at}/usr/bin; echo root of {device} >{at}/etc/hostname")
    shell(f"echo '# none' >{at}/etc/fstab; umount /mnt/data")


def check_found(shell: Shell, said: str, device: str) -> None:
    assert "+ mount" in said and "/mnt/vm1" in said
    assert shell("cat /mnt/vm1/etc/hostname") == f"root of {device}\n"
    assert shell("mountpoint /mnt/vm1/proc")
    shell("system-umount")
    assert shell("findmnt -rno TARGET | grep /mnt || true") == ""


def test_every_tool_that_is_promised_is_there(shell: Shell) -> None:
    said = shell(
        f"for tool in {' '.join(TOOLS.split())}; do command -v $tool >/dev/null || echo $tool; done"
    )
    assert said.split() == []


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_a_file_system_can_be_made_mounted_written_and_checked(shell: Shell, kind: str) -> None:
    make, check = FILE_SYSTEMS[kind]
    shell(make)
    shell(f"mount -t {kind} /dev/vda /mnt/data; echo hello >/mnt/data/file; umount /mnt/data")
    shell("mount /dev/vda /mnt/data")
    assert shell("cat /mnt/data/file") == "hello\n"
    shell("umount /mnt/data")
    shell(check)


def test_a_system_on_lvm_is_found_and_its_volume_group_closed_again(shell: Shell) -> None:
    shell("pvcreate -qq /dev/vda /dev/vdb; vgcreate -qq shop /dev/vda /dev/vdb")
    shell("lvcreate -qq -y -n root -l 100%FREE shop; mkfs.ext4 -q /dev/shop/root")
    make_root(shell, "/dev/shop/root")
    shell("vgchange -qq -an shop")
    check_found(shell, shell("system-mount"), "/dev/shop/root")
    assert "active" not in shell("lvs --noheadings -o lv_active shop")


def test_a_system_on_a_software_raid_is_found_and_the_array_stopped_again(shell: Shell) -> None:
    shell("mdadm --create /dev/md0 --run -q -l 1 -n 2 --assume-clean /dev/vda /dev/vdb")
    shell("mkfs.ext4 -q /dev/md0")
    make_root(shell, "/dev/md0")
    shell("mdadm --stop -q /dev/md0; udevadm settle")
    assert shell("ls /dev/md* 2>/dev/null || true") == ""
    check_found(shell, shell("system-mount"), "/dev/md0")
    assert shell("ls /dev/md[0-9]* 2>/dev/null || true") == ""
    shell("mdadm --zero-superblock /dev/vda /dev/vdb")


def test_a_system_on_luks_is_found_once_its_passphrase_is_typed(shell: Shell) -> None:
    quickly = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
    shell(f"printf {PASSPHRASE} | cryptsetup luksFormat -q {quickly} /dev/vda -")
    shell(f"printf {PASSPHRASE} | cryptsetup open /dev/vda opened -")
    shell("mkfs.ext4 -q /dev/mapper/opened")
    make_root(shell, "/dev/mapper/opened")
    shell("cryptsetup close opened")
    assert shell.ask("system-mount").status == 1, "without a terminal nobody can be asked"
    said = shell.at_a_terminal("system-mount", [("Enter passphrase", PASSPHRASE + "\n")])
    assert PASSPHRASE not in said
    check_found(shell, said, "/dev/mapper/opened")
    assert shell("ls /dev/mapper") == "control\n"


def test_a_system_in_a_btrfs_subvolume_is_found(shell: Shell) -> None:
    shell("mkfs.btrfs -q -f /dev/vdc")
    make_root(shell, "/dev/vdc", folder="@")
    said = shell("system-mount")
    assert "subvol=@" in said
    check_found(shell, said, "/dev/vdc")


def test_of_two_systems_the_user_is_asked_which(shell: Shell) -> None:
    for device in ("/dev/vda", "/dev/vdb"):
        shell(f"mkfs.ext4 -q -F {device}")
        make_root(shell, device)
    answer = shell.ask("system-mount")
    assert answer.status == 1
    assert "system-mount /dev/vda" in answer.text and "system-mount /dev/vdb" in answer.text
    check_found(shell, shell("system-mount /dev/vdb"), "/dev/vdb")
