"""Entering fails for a real reason: the error names the step, and the instance is what it was."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.errors import (
    CannotRescue,
    ConsentNeeded,
    HostTrouble,
    ImageUnusable,
    LifebuoyError,
    NoSpace,
    PasswordRefused,
    Refused,
    StepFailed,
    TimedOut,
)
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.image import Catalogue
from lifebuoy.model import StopMode
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import SEEDED, enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.runner import StepEvent, StepState
from lifebuoy.rescue import record
from tests.boot import machine
from tests.boot.listeners import At, Notes
from tests.boot.machine import Define
from tests.libvirt.command import idle_iso

PASSWORD: Final = "Quiet-Word-5"
#: Does not start a machine with, or one without, a rescue CD-ROM where a file beside it says so.
_MOODY_QEMU: Final = """#!/bin/sh
case " $* " in
*lifebuoy-rescue*) [ ! -e "$0.no-rescue" ] || { echo 'no CD-ROM today' >&2; exit 1; } ;;
*" -uuid "*) [ ! -e "$0.no-guest" ] || { echo 'no guest today' >&2; exit 1; } ;;
esac
exec /usr/bin/qemu-system-x86_64 "$@"
"""


def asked(domain: Domain, stop: StopMode = StopMode.HARD, timeout_s: float = 0.1) -> EnterRequest:
    return EnterRequest(
        domain.name, PASSWORD, stop=stop, consent=True, stop_timeout_s=0.5, timeout_s=timeout_s
    )


@pytest.fixture(scope="session")
def moody_qemu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libvirt asks a new emulator for seconds what it can do: one for all tests."""
    path = tmp_path_factory.mktemp("moody") / "qemu"
    path.write_text(_MOODY_QEMU)
    path.chmod(0o755)
    return path


@contextmanager
def mood(qemu: Path, name: str) -> Iterator[None]:
    file = qemu.with_name(f"{qemu.name}.{name}")
    file.touch()
    yield
    file.unlink()


@pytest.fixture
def running(define: Define) -> Domain:
    domain = define(machine.bare("runs"))
    domain.start()
    return domain


@pytest.fixture
def failed(quick: Context) -> Callable[..., StepFailed]:
    """Sees entering fail at a step, and the instance as it was."""

    def fail(
        domain: Domain,
        step: str,
        listener: Notes | None = None,
        request: EnterRequest | None = None,
    ) -> StepFailed:
        before = machine.facts(domain)
        with pytest.raises(StepFailed) as caught:
            enter(quick, request or asked(domain), listener or Notes())
        assert caught.value.step == step and step in caught.value.message
        assert caught.value.safe == "Everything was put back as it was before."
        check_untouched(quick.host, domain, before)
        return caught.value

    return fail


def check_untouched(host: Host, domain: Domain, before: machine.Facts) -> None:
    assert machine.facts(domain) == before
    assert record.read(domain) is None
    assert machine.stay_media(host) == []


@pytest.fixture
def small_store(embedded: Host) -> Iterator[Path]:
    """The embedded host's store on a file system that is about to be full."""
    folder = Path(embedded.store.location)
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte of room in ``folder``."""
    with (folder / "rescue-filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            return


# Refused before anything: the guest runs on, never stopped


def refused(context: Context, request: EnterRequest, error: type[LifebuoyError]) -> LifebuoyError:
    domain = context.host.domain(request.name)
    before, number = machine.facts(domain), domain.id
    notes = Notes()
    with pytest.raises(error) as caught:
        enter(context, request, notes)
    assert notes.events == []
    assert domain.id == number
    check_untouched(context.host, domain, before)
    return caught.value


def test_an_altered_image_is_refused_while_the_guest_runs_on(
    embedded: Host, running: Domain, tmp_path: Path
) -> None:
    images = Catalogue(tmp_path / "images")
    image = images.add(idle_iso(tmp_path / "i"), image_id="altered", name="x", sha256=None)
    with image.path.open("r+b") as file:
        file.seek(40_000)
        file.write(b"\xff")
    error = refused(Context(embedded, images, tmp_path), asked(running), ImageUnusable)
    assert "altered" in error.message
    image.path.unlink()
    error = refused(Context(embedded, images, tmp_path), asked(running), ImageUnusable)
    assert "missing" in error.message


def test_a_host_without_room_refuses_while_the_guest_runs_on(
    quick: Context, running: Domain, small_store: Path
) -> None:
    fill(small_store)
    error = refused(quick, asked(running), NoSpace)
    assert "MiB" in error.message


def test_without_consent_a_running_guest_runs_on(quick: Context, running: Domain) -> None:
    request = EnterRequest(running.name, PASSWORD)
    error = refused(quick, request, ConsentNeeded)
    assert "can lose data" in error.message


def test_a_weak_password_is_refused_while_the_guest_runs_on(
    quick: Context, running: Domain
) -> None:
    refused(quick, EnterRequest(running.name, "short", consent=True), PasswordRefused)


def test_a_disk_whose_file_is_gone_is_refused(quick: Context, define: Define) -> None:
    disk = (
        "<disk type='file'><source file='/nowhere/d.raw'/><target dev='vda' bus='virtio'/></disk>"
    )
    domain = define(machine.bare("diskless").replace("<devices>", f"<devices>{disk}"))
    error = refused(quick, asked(domain), CannotRescue)
    assert "/nowhere/d.raw" in error.message


def test_saved_memory_is_given_up_only_if_the_user_says_so(quick: Context, running: Domain) -> None:
    running._raw.managedSave(0)
    assert running.has_managed_save
    refused(quick, asked(running), Refused)
    assert running.has_managed_save
    enter(quick, EnterRequest(running.name, PASSWORD, wait=False, discard_saved=True))
    leave(quick, LeaveRequest(running.name))
    assert not running.has_managed_save and not running.active


# Failing at a step: rolled back


def test_a_store_that_fills_up_under_the_image_puts_all_back(
    failed: Callable[..., StepFailed], running: Domain, small_store: Path
) -> None:
    step, number = "place the rescue image", running.id
    error = failed(running, step, At(step=step, act=lambda: fill(small_store)))
    assert isinstance(error.cause, NoSpace)
    assert running.id == number


def test_a_store_that_fills_up_under_the_seed_puts_all_back(
    failed: Callable[..., StepFailed], running: Domain, small_store: Path
) -> None:
    step, number = "prepare the password and keys", running.id
    error = failed(running, step, At(step=step, act=lambda: fill(small_store)))
    assert isinstance(error.cause, NoSpace)
    assert running.id == number


def test_a_guest_that_does_not_shut_down_runs_on(
    failed: Callable[..., StepFailed], running: Domain
) -> None:
    number = running.id
    error = failed(running, "stop the instance", request=asked(running, StopMode.SOFT))
    assert isinstance(error.cause, TimedOut)
    assert running.id == number


def test_a_qemu_that_does_not_start_the_rescue_system_puts_all_back(
    failed: Callable[..., StepFailed], define: Define, moody_qemu: Path
) -> None:
    domain = define(machine.bare("picky", emulator=moody_qemu))
    domain.start()
    with mood(moody_qemu, "no-rescue"):
        error = failed(domain, "start the rescue system")
    assert isinstance(error.cause, HostTrouble)


def test_a_definition_that_cannot_be_written_back_stays_in_the_domain_until_it_can(
    quick: Context, short_dir: Path, define: Define, moody_qemu: Path
) -> None:
    domain = define(machine.bare("cramped", emulator=moody_qemu))
    domain.start()
    before = machine.facts(domain)
    # Where libvirt writes what it is about to define; it cannot write over a folder.
    draft = short_dir / "embed/etc/qemu/cramped.xml.new"
    listener = At(step="start the rescue system", act=draft.mkdir)
    with mood(moody_qemu, "no-rescue"), pytest.raises(StepFailed) as caught:
        enter(quick, asked(domain), listener)
    draft.rmdir()
    assert "NOT everything" in caught.value.safe and "the domain carries it" in caught.value.safe
    assert record.read(domain) is not None and not domain.active
    leave(quick, LeaveRequest(domain.name, watch_s=0))
    check_untouched(quick.host, domain, before)


def test_a_definition_that_can_be_written_again_when_the_media_are_gone_is_put_back(
    quick: Context, short_dir: Path, define: Define, moody_qemu: Path
) -> None:
    domain = define(machine.bare("cramped", emulator=moody_qemu))
    before = machine.facts(domain)
    draft = short_dir / "embed/etc/qemu/cramped.xml.new"

    def listener(event: StepEvent) -> None:
        if (event.step, event.state) == ("start the rescue system", StepState.STARTED):
            draft.mkdir()
        if (event.step, event.state) == (SEEDED, StepState.UNDONE):
            draft.rmdir()

    with mood(moody_qemu, "no-rescue"), pytest.raises(StepFailed) as caught:
        enter(quick, asked(domain), listener)
    assert caught.value.safe == "Everything was put back as it was before."
    check_untouched(quick.host, domain, before)


def test_a_machine_that_dies_while_the_rescue_system_starts_puts_all_back(
    failed: Callable[..., StepFailed], running: Domain
) -> None:
    step = "wait until it can be logged in to"
    error = failed(running, step, At(step=step, act=lambda: machine.kill(running)))
    assert "stopped while starting" in error.message


def test_a_rescue_system_that_does_not_answer_in_time_puts_all_back(
    context: Context, running: Domain
) -> None:
    before = machine.facts(running)
    with pytest.raises(StepFailed) as caught:
        enter(context, asked(running))
    assert isinstance(caught.value.cause, TimedOut)
    assert caught.value.step == "wait until it can be logged in to"
    check_untouched(context.host, running, before)


def test_a_stopped_instance_stays_stopped_when_entering_fails(
    context: Context, define: Define
) -> None:
    domain = define(machine.bare("stays"))
    before = machine.facts(domain)
    with pytest.raises(StepFailed):
        enter(context, asked(domain))
    check_untouched(context.host, domain, before)


# Leaving fails


def test_a_leaving_that_fails_to_start_the_instance_goes_on_when_asked_again(
    quick: Context, define: Define, moody_qemu: Path
) -> None:
    domain = define(machine.bare("sulking", emulator=moody_qemu))
    domain.start()
    before = machine.facts(domain)
    enter(quick, asked(domain))
    with mood(moody_qemu, "no-guest"), pytest.raises(StepFailed) as caught:
        leave(quick, LeaveRequest(domain.name, watch_s=0))
    assert caught.value.step == "start the instance"
    assert f"rescue exit {domain.name}" in caught.value.safe
    left = leave(quick, LeaveRequest(domain.name, watch_s=0))
    assert left.differences == ()
    check_untouched(quick.host, domain, before)
