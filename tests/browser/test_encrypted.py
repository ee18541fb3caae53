"""An encrypted disk, unlocked for the self-check by its page: and nobody else gets to see how."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from lifebuoy.hypervisor import connect
from tests.api.remote import remote
from tests.api.server import V1, Server, serving, written
from tests.boot import apart, inside, machine
from tests.browser.looking import hurdles
from tests.browser.test_console import page, sign_in  # noqa: F401  # its fixture
from tests.browser.test_self_check import done, ends_well, in_dialog, owned

NAME: Final = "sealed"
PASSWORD: Final = "Quiet-Word-5"
PASSPHRASE: Final = "öffne die Platte 1"
FAULT: Final = "login-nologin"
BOOT_MS: Final = 240_000
#: A system that nobody can log in to, on LUKS; its key is worked out quickly, also in emulation.
MAKE: Final = f"""
mkdir /run/lab
printf %s '{PASSPHRASE}' >/run/lab/word
cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vda /run/lab/word
cryptsetup open -d /run/lab/word /dev/vda inner
mkfs.ext4 -q /dev/mapper/inner
mount /dev/mapper/inner /mnt/data
cd /mnt/data
mkdir -p etc usr/bin var/lib
touch etc/nologin
echo '/dev/mapper/inner / ext4 defaults 0 1' >etc/fstab
echo 'root:x:0:0::/root:/bin/sh' >etc/passwd
echo "inner UUID=$(cryptsetup luksUUID /dev/vda) none luks" >etc/crypttab
cd /
umount /mnt/data
cryptsetup close inner
"""
#: Leaves a file where any process there has it on its command line or in its environment.
WATCH: Final = (
    "while sleep 0.2; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | "
    "grep -qaF -f /run/lab/word && touch /run/lab/seen; done"
)
#: Names the files of the rescue system that hold it: the doctor's, logs, what is temporary.
KEPT: Final = (
    "grep -rlaF -f /run/lab/word --exclude-dir=lab /run /tmp /var /root 2>/dev/null || true"
)
#: Opens it by hand: it is mended.
LOOK: Final = """
cryptsetup open -d /run/lab/word /dev/vda inner
mount -o ro /dev/mapper/inner /mnt/data
! [ -e /mnt/data/etc/nologin ]
umount /mnt/data
cryptsetup close inner
"""

pytestmark = pytest.mark.slow


def define(folder: Path) -> str:
    disk = machine.disk(machine.scratch(folder / "disk", 96), "vda")
    xml = machine.with_devices(machine.bare(NAME), machine.USER_NETWORK, disk)
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        return machine.settled(host, xml).uuid


def sealed(folder: Path) -> str:
    """An instance there with an empty disk; its UUID."""
    uuid: str = apart.run(define, folder)
    return uuid


@contextmanager
def watching() -> Iterator[list[str]]:
    """Where the passphrase was seen on the command lines and in the environments of this machine's
    processes, all the while; these tests' own have it in neither."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for entry in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        if PASSPHRASE.encode() in (entry / name).read_bytes():
                            seen.append(str(entry / name))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.timeout(1500)
def test_a_passphrase_given_on_the_page_unlocks_and_is_seen_nowhere(page: Page) -> None:  # noqa: F811
    with owned(sealed) as (command, uuid), serving(command) as server:
        server.account("ana", "admin")
        place = f"/instances/-/{uuid}"
        with server.client(server.key("ana", "read", "act")) as client:
            done(client, f"{V1}{place}/rescue/enter", {"password": PASSWORD})
            way = client.get(f"{V1}{place}/rescue").json()["access"]
            with inside.shell(way["ssh_port"], PASSWORD, host_key=way["host_key"]) as shell:
                shell.type(MAKE)
                shell.leave_running(WATCH)
                sign_in(page, server, "ana")
                with watching() as seen:
                    checked(page, server, place)
                    mended(page)
                assert seen == []
                assert PASSPHRASE not in page.content() and PASSPHRASE not in page.url
                assert shell("ls /run/lab; " + KEPT) == "word\n"
                shell.type(LOOK)
            logged_in_through_the_server(server)
            done(client, f"{V1}{place}/rescue/exit", {})
        assert server.end() == 0
        for content in (server.log.read_bytes(), *written(command.home)):
            assert PASSPHRASE.encode() not in content
        for content in written(command.home.parent / "libvirt"):
            assert PASSPHRASE.encode() not in content


def fill(part: Locator) -> None:
    """Give the passphrase there."""
    field = part.get_by_label("加密口令")
    if not field.is_visible():
        part.get_by_text("加密磁盘").click()
    field.fill(PASSPHRASE)


def checked(page: Page, server: Server, place: str) -> None:  # noqa: F811
    """Without the passphrase nothing is found; with it what is broken behind it."""
    page.goto(f"{server.url}{place}/self-check")
    page.get_by_role("button", name="开始自助检测").click()
    expect(page.locator("#verdict")).to_be_visible(timeout=BOOT_MS)
    expect(page.locator("code", has_text=FAULT)).to_have_count(0)
    start = page.locator("form", has=page.get_by_role("button", name="重新检测"))
    fill(start)
    start.get_by_role("button", name="重新检测").click()
    expect(finding(page)).to_have_count(1, timeout=BOOT_MS)
    assert hurdles(page) == []


def finding(page: Page) -> Locator:  # noqa: F811
    """What is wrong behind the passphrase."""
    return page.locator("details.finding", has=page.locator("code", has_text=FAULT))


def mended(page: Page) -> None:  # noqa: F811
    """What would change is shown, and it is done; each asks for the passphrase again."""
    one = finding(page)
    one.locator("summary").first.click()
    fill(one.locator("form"))
    one.get_by_role("button", name="预览更改").click()
    expect(one).to_contain_text("未做任何更改", timeout=BOOT_MS)
    expect(one).to_contain_text("etc/nologin")
    one.get_by_role("link", name="修复此项…").click()
    fill(page.get_by_role("dialog"))
    in_dialog(page, "修复")
    ends_well(page)
    expect(finding(page)).to_have_count(0)


def logged_in_through_the_server(server: Server) -> None:
    """``lifebuoy --server URL ssh``: to this machine's own server the forwarded port is there."""
    words = ["ssh", NAME, "--", "echo said-$((40+2))"]
    status, shown = remote(server, "ana").at_a_terminal(
        words, [("password:", f"{PASSWORD}\n".encode())]
    )
    assert status == 0 and "said-42" in shown, shown
