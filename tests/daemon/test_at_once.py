"""Several callers at once, and callers cut off by SIGKILL, on a system daemon."""

from __future__ import annotations

import hashlib

import pytest

from tests.daemon.guests import POOL, Guests
from tests.daemon.machine import Machine
from tests.daemon.member import Member

NAME = "bare1"
ENTER = ("rescue", "enter", NAME, "--generate-password", "--no-wait")
EXIT = ("rescue", "exit", NAME, "--force", "--watch", "0", "--json")


@pytest.fixture
def bare(guests: Guests) -> str:
    """The definition of a machine that does nothing, stopped."""
    return guests.define_bare(NAME)


def both(member: Member, *words: str) -> list[int]:
    """The exit statuses of the same command asked for twice at once, the winner's first."""
    with member.running(*words) as one, member.running(*words) as other:
        answers = [process.communicate(timeout=60) for process in (one, other)]
        statuses = sorted(process.returncode for process in (one, other))
    assert sum("PASSWORD" in err or "Traceback" in err for _, err in answers) == 0
    return statuses


def test_of_two_callers_one_enters_and_one_leaves(
    host: Machine, idle: Member, guests: Guests, bare: str
) -> None:
    statuses = both(idle, *ENTER)
    assert statuses[0] == 0 and statuses[1] in {3, 5}
    (listed,) = idle("rescue", "list", "--json").json("instance-list")["instances"]
    assert listed["state"] == "RESCUE_MODE"
    statuses = both(idle, *EXIT)
    assert statuses[0] == 0 and statuses[1] in {3, 5}
    assert guests.definition(NAME) == bare and guests.stay_media() == []
    assert host.virsh("domstate", NAME).strip() == "shut off"


@pytest.mark.rotate(3)
@pytest.mark.parametrize(
    "step", ["place the rescue image", "stop the instance", "start the rescue system"]
)
def test_an_entering_killed_on_the_way_is_left_by_exit(
    host: Machine, idle: Member, guests: Guests, bare: str, step: str
) -> None:
    host.virsh("start", NAME)
    idle.killed_at(step, *ENTER, "--consent-force", "--stop-timeout", "3")
    (listed,) = idle("rescue", "list", "--json").json("instance-list")["instances"]
    assert listed["state"] == "ENTER_RESCUE_MODE"
    number = host.virsh("domid", NAME)
    left = idle(*EXIT).json("rescue-exit")
    if step != "start the rescue system":  # it had not been stopped: it is not cut off now
        assert host.virsh("domid", NAME) == number
    assert left["was_running"] and left["differences"] == []
    assert guests.definition(NAME) == bare and guests.stay_media() == []
    assert host.virsh("domstate", NAME).strip() == "running"


def test_a_leaving_killed_on_the_way_is_finished_by_asking_again(
    host: Machine, idle: Member, guests: Guests, bare: str
) -> None:
    assert idle(*ENTER).status == 0
    idle.killed_at("switch the definition back", *EXIT[:-1])
    left = idle(*EXIT).json("rescue-exit")
    assert left["differences"] == [] and left["boot"]["verdict"] == "stays stopped"
    assert guests.definition(NAME) == bare and guests.stay_media() == []


def test_two_callers_who_both_find_no_image_place_it_once_and_whole(
    host: Machine, member: Member, guests: Guests, bare: str
) -> None:
    other = guests.define_bare("bare2")
    (image,) = member("image", "list", "--json").json("image-list")["images"]
    placed = host.path(f"{POOL}/rescue-{image['sha256'][:16]}.iso")
    placed.unlink(missing_ok=True)
    words = ("--generate-password", "--no-wait")
    with (
        member.running("rescue", "enter", NAME, *words) as one,
        member.running("rescue", "enter", "bare2", *words) as two,
    ):
        for process in (one, two):
            _, told = process.communicate(timeout=100)
            assert process.returncode == 0, told
    assert hashlib.sha256(placed.read_bytes()).hexdigest() == image["sha256"]
    for name, before in ((NAME, bare), ("bare2", other)):
        assert member("rescue", "exit", name).status == 0
        assert guests.definition(name) == before
    assert guests.stay_media() == []


def test_an_image_that_a_killed_caller_left_half_placed_is_placed_anew(
    host: Machine, idle: Member, guests: Guests, bare: str
) -> None:
    (image,) = idle("image", "list", "--json").json("image-list")["images"]
    name, size = f"rescue-{image['sha256'][:16]}.iso", image["size_bytes"]
    if host.path(f"{POOL}/{name}").exists():
        host.virsh("vol-delete", name, "lifebuoy")
    host.virsh("vol-create-as", "lifebuoy", name, f"{size}B", "--format", "raw")
    assert idle(*ENTER).status == 0
    placed = host.path(f"{POOL}/{name}").read_bytes()
    assert placed == host.path("/run/idle/idle/image.iso").read_bytes()
    assert idle(*EXIT).status == 0
