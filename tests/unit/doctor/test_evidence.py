"""What the serial log and the screen tell together."""

from __future__ import annotations

import pytest

from lifebuoy.doctor.bootlog import read
from lifebuoy.doctor.evidence import Evidence, Place, weighed

GRUB = "error: unknown filesystem.\nEntering rescue mode...\ngrub rescue> "
EXT4 = "Linux version 6.1\nEXT4-fs error (device vda1): ext4_lookup: bad entry\n"
PANIC = "Kernel panic - not syncing: Attempted to kill init!\n"
SHELL = "BusyBox v1.35.0 built-in shell\n(initramfs) "
LOGIN = "Linux version 6.1\nDebian GNU/Linux 12 web1 tty1\n\nweb1 login: "


def taken(serial: str | None, screen: str | None) -> Evidence:
    return weighed(
        None if serial is None else read(serial.encode()),
        None if screen is None else read(screen.encode()),
    )


@pytest.mark.parametrize(
    ("serial", "screen", "cause", "places"),
    [
        (GRUB, None, "grub-unknown-file-system", {Place.SERIAL}),
        (None, GRUB, "grub-unknown-file-system", {Place.SCREEN}),
        (GRUB, GRUB, "grub-unknown-file-system", {Place.SERIAL, Place.SCREEN}),
        (LOGIN, GRUB, "grub-unknown-file-system", {Place.SCREEN}),  # the log is of another boot
        (EXT4, GRUB, "grub-unknown-file-system", {Place.SCREEN}),
        (EXT4, "grub> ", "grub-prompt", {Place.SCREEN}),  # this one came not as far
        (EXT4, PANIC, "ext4-error", {Place.SERIAL}),  # the screen shows its symptom
        (EXT4 + PANIC, PANIC, "ext4-error", {Place.SERIAL}),
        (EXT4, SHELL, "ext4-error", {Place.SERIAL}),
        (EXT4, "", "ext4-error", {Place.SERIAL}),
        ("", SHELL, "initramfs-shell", {Place.SCREEN}),
    ],
)
def test_the_cause_is_that_of_the_boot_that_is_on_the_screen(
    serial: str | None, screen: str | None, cause: str, places: set[Place]
) -> None:
    evidence = taken(serial, screen)
    assert evidence.cause is not None and not evidence.reached_login
    assert evidence.cause.pattern.id == cause
    assert set(evidence.seen_on(cause)) == places


@pytest.mark.parametrize(
    ("serial", "screen"), [(GRUB, LOGIN), (LOGIN, None), (None, LOGIN), (LOGIN, "")]
)
def test_a_login_that_is_on_the_screen_now_outdoes_an_older_log(
    serial: str | None, screen: str | None
) -> None:
    evidence = taken(serial, screen)
    assert evidence.reached_login and evidence.cause is None


def test_without_anything_to_read_there_is_nothing_known() -> None:
    evidence = taken(None, None)
    assert (evidence.cause, evidence.reached_login, evidence.signs) == (None, False, ())
    assert evidence.last_line == ""
