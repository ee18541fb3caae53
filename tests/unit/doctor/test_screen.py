"""The text on a machine's screen is read exactly, or not at all."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from lifebuoy.doctor import bootlog, screen
from lifebuoy.doctor.glyphs import fonts
from lifebuoy.doctor.screen import Screen, ScreenState

SCREENS = Path(__file__).parent / "screens"  # taken of real machines


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def taken(name: str) -> Image.Image:
    with Image.open(SCREENS / f"{name}.png") as image:
        return image.convert("RGB")


def cause(seen: Screen) -> str:
    found = bootlog.read(seen.text.encode()).cause
    return found.pattern.id if found else ""


def test_there_are_fonts_and_each_has_the_characters_that_patterns_need() -> None:
    assert len(fonts()) >= 5
    for font in fonts():
        missing = set(map(chr, range(0x21, 0x7F))) - set(font.glyphs.values())
        assert len(missing) <= 2, (font.name, missing)  # some draw two of them alike


@pytest.mark.parametrize(
    ("name", "font", "line", "known"),
    [
        ("no-bootable-device", "vga", "No bootable device.", "nothing-to-boot"),
        ("grub-rescue", "vga", "grub rescue>", "grub-file-not-found"),
        ("panic-vga", "vga", "[    2.081548]  dump_stack_lvl+0x44/0x5c", "no-root-device"),
        ("panic-framebuffer", "linux-built-in", "[    2.052261]  <TASK>", "no-root-device"),
        ("grub-uefi", "uefi", "grub>", "grub-prompt"),
        ("uefi-shell", "uefi", "Shell>", "uefi-shell"),
        ("uefi-menu", "uefi", " ► Boot Maintenance Manager", "uefi-menu"),
        ("grub-menu", "grub-unicode", "      for a command-line.", ""),
        ("login", "vga", "lab-bios login:", ""),
        ("login-uefi", "linux-built-in", "lab-uefi login:", ""),
    ],
)
def test_what_real_machines_showed_is_read_to_the_letter(
    name: str, font: str, line: str, known: str
) -> None:
    seen = screen.read((SCREENS / f"{name}.png").read_bytes())
    assert (seen.state, seen.font) == (ScreenState.TEXT, font)
    assert line in [one.rstrip() for one in seen.lines]
    assert "\ufffd" not in seen.text
    verdict = bootlog.read(seen.text.encode())
    assert cause(seen) == known and verdict.reached_login == name.startswith("login")


def test_a_line_that_goes_on_over_the_edge_of_the_screen_is_one_line() -> None:
    lines = screen.read((SCREENS / "panic-vga.png").read_bytes()).lines
    assert (
        "[    2.083326] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on "
        "unknown-block(0,0) ]---"
    ) in lines


def test_text_in_other_colours_and_inverted_reads_the_same() -> None:
    image = taken("grub-rescue")
    expected = screen.read(png(image)).lines
    assert expected
    blue = ImageOps.colorize(image.convert("L"), black=(0, 0, 170), white=(255, 255, 85))
    for changed in (ImageOps.invert(image), blue):
        assert screen.read(png(changed)).lines == expected


def test_a_window_of_text_is_found_wherever_it_is() -> None:
    image = taken("grub-rescue")
    narrow = Image.new("RGB", (640, 400))  # eight pixels to a column, as framebuffers have it
    for column in range(80):
        cell = image.crop((column * 9, 0, column * 9 + 8, 400))
        narrow.paste(cell, (column * 8, 0))
    around = Image.new("RGB", (1024, 768), (40, 0, 20))
    around.paste(narrow, (123, 45))
    seen = screen.read(png(around))
    assert [line.strip() for line in seen.lines] == list(screen.read(png(image)).lines)


def test_a_screen_that_is_dark_is_blank_with_a_cursor_or_without() -> None:
    dark = Image.new("RGB", (1280, 800))
    assert screen.read(png(dark)).state is ScreenState.BLANK
    dark.paste((170, 170, 170), (0, 14, 8, 16))
    assert screen.read(png(dark)).state is ScreenState.BLANK


def desktop() -> Image.Image:
    image = Image.radial_gradient("L").resize((1280, 800)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for number in range(40):
        draw.ellipse((number * 30, number * 17, number * 30 + 90, number * 17 + 60), fill=number)
        draw.text((number * 25, number * 20), "Kernel panic - not syncing", fill="white")
    return image


def test_what_is_no_text_of_a_console_is_told_as_graphics() -> None:
    noise = Image.effect_noise((1024, 768), 90)
    for picture in (desktop(), noise.convert("RGB"), noise.convert("1").convert("RGB")):
        seen = screen.read(png(picture))
        assert (seen.state, seen.text) == (ScreenState.GRAPHICS, "")


def test_a_picture_that_is_too_large_or_none_is_not_opened() -> None:
    huge = b"P6\n60000 60000\n255\n"
    for picture in (b"", b"\x89PNG", huge, b"P6\n10 10\n255\n\0", png(taken("grub-rescue"))[:300]):
        assert screen.read(picture).state is ScreenState.GRAPHICS


@given(
    st.integers(1, 200),
    st.integers(1, 120),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_any_picture_is_read_without_an_error_and_its_text_is_bounded(
    width: int, height: int, colours: int, chance: random.Random
) -> None:
    palette = [tuple(chance.randrange(256) for _ in range(3)) for _ in range(colours)]
    image = Image.new("RGB", (width, height))
    image.putdata([chance.choice(palette) for _ in range(width * height)])
    seen = screen.read(png(image))
    assert len(seen.text) <= width * height
    assert all(line.isprintable() for line in seen.lines)


@given(st.binary(max_size=400))
@settings(max_examples=30, deadline=None)
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    for start in (b"", b"P6\n16 32\n255\n", b"\x89PNG\r\n\x1a\n"):
        assert screen.read(start + data).state in ScreenState
