"""UEFI variables and an emulated TPM: the instance's own are not written in rescue mode, but for
the variables where the user wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from lab import emulator
from lifebuoy.operations.context import Context
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from tests.boot import machine
from tests.boot.machine import Define
from tests.boot.visit import visit

pytestmark = pytest.mark.slow

ENTRY: Final = "mended by hand"
ADD_ENTRY: Final = rf"efibootmgr -q -c -d /dev/vda -p 1 -L '{ENTRY}' -l '\EFI\BOOT\BOOTX64.EFI'"


def uefi(disk: Path, nvram: Path) -> str:
    """A q35 machine with these variables, and a disk without a system."""
    code, template = emulator.OVMF_CODE, emulator.OVMF_VARIABLES
    system = (
        "<os><type arch='x86_64' machine='q35'>hvm</type>"
        f"<loader readonly='yes' type='pflash'>{code}</loader>"
        f"<nvram template='{template}'>{nvram}</nvram>"
    )
    bare = machine.bare("variables")
    xml = bare.replace("<os><type arch='x86_64' machine='pc'>hvm</type>", system)
    assert xml != bare
    return machine.with_devices(xml, machine.USER_NETWORK, machine.disk(disk, "vda"))


@pytest.mark.parametrize("keep", [False, True], ids=["as a rule", "with --keep-nvram"])
def test_a_boot_entry_made_in_rescue_mode_is_taken_over_only_as_told(
    context: Context, define: Define, tmp_path: Path, keep: bool
) -> None:
    disk, nvram = machine.scratch(tmp_path / "vda", 64), tmp_path / "variables.fd"
    domain = define(uefi(disk, nvram))
    domain.start()  # from now on it has variables of its own
    machine.kill(domain)
    before, own = machine.facts(domain), nvram.read_bytes()
    with visit(context, domain, EnterRequest("variables", "Rescue-Me-2026")) as stay:
        with stay.shell() as shell:
            shell("sgdisk -n 1:0:0 -t 1:ef00 /dev/vda; udevadm settle")
            shell(ADD_ENTRY)
            assert ENTRY in shell("efibootmgr")
        assert nvram.read_bytes() == own
        left = leave(context, LeaveRequest("variables", keep_nvram=keep))
    assert left.differences == ()
    assert machine.facts(domain) == before and machine.stay_media(context.host) == []
    assert (ENTRY.encode("utf-16-le") in nvram.read_bytes()) is keep
    if not keep:
        assert nvram.read_bytes() == own


def test_an_instance_without_variables_yet_has_none_afterwards(
    context: Context, define: Define, tmp_path: Path
) -> None:
    disk, nvram = machine.scratch(tmp_path / "vda", 64), tmp_path / "variables.fd"
    domain = define(uefi(disk, nvram))
    with visit(context, domain, EnterRequest("variables", "Rescue-Me-2026")) as stay:
        assert stay.domain.agent.run(["test", "-d", "/sys/firmware/efi"]).status == 0
        assert leave(context, LeaveRequest("variables")).differences == ()
    assert not nvram.exists() and machine.stay_media(context.host) == []


def test_an_emulated_tpm_keeps_what_it_holds_and_is_not_there_in_rescue_mode(
    context: Context, define: Define
) -> None:
    Path(context.host.store.location).parents[1].chmod(0o711)  # the TPM runs as a user of its own
    tpm = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"
    domain = define(machine.with_devices(machine.bare("sealed"), machine.USER_NETWORK, tpm))
    domain.start()  # from now on it has a state of its own
    machine.kill(domain)
    before, held = machine.facts(domain), tpm_state(context, domain.uuid)
    assert held
    with visit(context, domain, EnterRequest("sealed", "Rescue-Me-2026")) as stay:
        assert "<tpm " not in stay.domain.xml(live=True)
        assert tpm_state(context, domain.uuid) == held
        assert leave(context, LeaveRequest("sealed")).differences == ()
    assert machine.facts(domain) == before and tpm_state(context, domain.uuid) == held


def tpm_state(context: Context, uuid: str) -> dict[str, bytes]:
    """What libvirt keeps of an instance's TPM, by file."""
    root = Path(context.host.store.location).parent
    folders = [found for found in root.rglob(uuid) if found.is_dir() and "swtpm" in str(found)]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }
