"""Programs and files that Lifebuoy uses on this machine, and the package that has each."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Tool:
    """One program (or file, if ``program`` is an absolute path) and what for."""

    program: str
    debian: str
    fedora: str
    purpose: str


BUILD_TOOLS: Final = (
    Tool("mmdebstrap", "mmdebstrap", "", "image build"),
    Tool("mksquashfs", "squashfs-tools", "squashfs-tools", "image build"),
    Tool("xorriso", "xorriso", "xorriso", "image build"),
    Tool("mcopy", "mtools", "mtools", "image build"),
    Tool("grub-mkimage", "grub-common", "grub2-tools", "image build"),
)
ACCESS_TOOLS: Final = (
    Tool("ssh", "openssh-client", "openssh-clients", "ssh"),
    Tool("remote-viewer", "virt-viewer", "virt-viewer", "vnc --open"),
)

_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"  # where ordinary users do not look


def is_there(tool: Tool) -> bool:
    """Whether this machine has it."""
    if tool.program.startswith("/"):
        return Path(tool.program).exists()
    path = os.environ.get("PATH", os.defpath) + ":" + _SYSTEM_PATH
    return shutil.which(tool.program, path=path) is not None


def how_to_get(tool: Tool) -> str:
    """One line: the packages."""
    return f"Debian, Ubuntu: {tool.debian}" + (f"; Fedora: {tool.fedora}" if tool.fedora else "")
