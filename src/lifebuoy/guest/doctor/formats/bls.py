"""Loader entries, as systemd-boot and GRUB's blscfg read them: the Boot Loader Specification.

Source: uapi-group.org/specifications/specs/boot_loader_specification, type 1 entries; grubenv as
GRUB's manual has it, "The GRUB environment block".
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 500


@dataclass(frozen=True)
class Entry:
    """One file; paths are as they stand there, from the root of the volume that it lies on."""

    title: str = ""
    version: str = ""
    linux: str = ""
    efi: str = ""
    initrds: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse(text: str) -> Entry:
    """The entry with this text; of what may come once only, the last one counts."""
    found: dict[str, str] = {}
    initrds: list[str] = []
    options: list[str] = []
    for raw in text.split("\n")[:MOST_LINES]:
        words = raw.strip().split(None, 1)
        if len(words) < 2 or words[0].startswith("#"):
            continue
        key, value = words[0].lower(), words[1].strip()
        if key == "initrd":
            initrds += value.split()
        elif key == "options":
            options += value.split()
        else:
            found[key] = value
    return Entry(
        found.get("title", ""),
        found.get("version", ""),
        found.get("linux", ""),
        found.get("efi", "") or found.get("uki", ""),
        tuple(initrds),
        tuple(options),
    )


def environment(text: str) -> dict[str, str]:
    """The variables of a grubenv; values may have spaces and equals signs in them."""
    found = {}
    for line in text.split("\n")[:MOST_LINES]:
        name, equals, value = line.partition("=")
        if equals and name and not name.startswith("#"):
            found[name] = value
    return found
