"""extlinux.conf and syslinux.cfg: the labels, what they load, and which one is the default.

Source: wiki.syslinux.org/wiki/index.php?title=Config. Keywords are in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 5000
MOST_LABELS = 200


@dataclass
class Label:
    """One label; paths are from the folder of the configuration where they do not begin with /."""

    name: str
    line: int
    linux: str = ""
    initrds: tuple[str, ...] = ()
    append: tuple[str, ...] = ()
    default: bool = False
    other: bool = False  # chain loads, COM32 modules: not ours to judge

    def argument(self, name: str) -> str:
        """The value of a kernel argument, the last one counting."""
        found = [one[len(name) + 1 :] for one in self.append if one.startswith(f"{name}=")]
        return found[-1] if found else ""


@dataclass(frozen=True)
class Config:
    """The labels; ``default`` is a label or, with a menu, its module; ``includes`` other files."""

    labels: tuple[Label, ...]
    default: str
    menu: str
    includes: tuple[str, ...]

    def chosen(self) -> Label | None:
        """The label that boots by itself; None where there is none."""
        marked = [one for one in self.labels if one.default]
        named = [one for one in self.labels if one.name == self.default.split(" ")[0]]
        return next(iter([*named, *marked[-1:], *self.labels]), None)


def parse(text: str) -> Config:
    """The configuration with this text."""
    labels: list[Label] = []
    includes: list[str] = []
    default = menu = ""
    for number, raw in enumerate(text.split("\n")[:MOST_LINES], 1):
        words = raw.strip().split(None, 1)
        if not words or words[0].startswith("#"):
            continue
        keyword, value = words[0].lower(), words[1].strip() if len(words) > 1 else ""
        here = labels[-1] if labels else None
        if keyword == "label" and len(labels) < MOST_LABELS:
            labels.append(Label(value, number))
        elif keyword == "include" and value:
            includes.append(value.split()[0])
        elif keyword == "ui" and value:
            menu = value.split()[0]
        elif keyword in ("default", "ontimeout") and value and here is None:
            default = value
        elif here is not None:
            _put(here, keyword, value)
    if default.endswith(".c32"):
        menu = menu or default
    return Config(tuple(labels), default, menu, tuple(includes))


def _put(label: Label, keyword: str, value: str) -> None:
    if keyword in ("linux", "kernel"):
        label.linux = value
        label.other = label.other or value.endswith((".c32", ".bin", ".0", ".bs"))
    elif keyword == "initrd":
        label.initrds = tuple(value.split(","))
    elif keyword == "append":
        label.append = tuple(value.split())
        inline = label.argument("initrd")
        if inline:
            label.initrds = tuple(inline.split(","))
    elif keyword == "menu" and value.lower().startswith("default"):
        label.default = True
    elif keyword in ("com32", "boot", "localboot", "pxe", "fdimage", "config"):
        label.other = True
