"""Builds the rescue image: root, initramfs, ISO, in a folder that never outlives the build."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifebuoy.errors import BuildFailed
from lifebuoy.image import initramfs, iso, root, screenfont, tools

GUEST: Final = Path(__file__).resolve().parent.parent / "guest"
#: The time given to every file in the image (2026-01-01); SOURCE_DATE_EPOCH overrides it.
EPOCH: Final = 1767225600

#: What mmdebstrap says -> how far the whole build is by then (measured on a 2-core machine).
_MILESTONES: Final = (
    (re.compile("running apt-get update"), 0.02, "reading package lists"),
    (re.compile("downloading packages"), 0.06, "fetching essential packages"),
    (re.compile("extracting archives"), 0.12, "unpacking essential packages"),
    (re.compile("installing remaining packages"), 0.25, "installing packages"),
    (re.compile("running --customize-hook"), 0.60, "adding the rescue system's files"),
    (re.compile("creating tarball"), 0.65, "packing"),
)


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is: ``done`` from 0 to 1, and what is going on."""

    done: float
    doing: str


def inputs_key() -> str:
    """Hash of all that Lifebuoy itself puts into an image; 12 hex digits.

    It changes whenever the package list, the guest's files or the builder change, so a cached
    image of another key is out of date. Debian's own updates are not part of it.
    """
    digest = hashlib.sha256()
    sources = [*GUEST.rglob("*"), *Path(__file__).parent.glob("*.py")]
    for path in sorted(sources):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def build(
    target: Path,
    *,
    progress: Callable[[BuildProgress], None],
    work_parent: Path,
    epoch: int = EPOCH,
) -> str:
    """Build the rescue image at ``target`` and return its package list (name, tab, version).

    ``work_parent`` gets a temporary folder of about 1 GiB, removed in any case; ``target`` is
    written only when the image is whole.

    Raises:
        MissingTool: programs are missing; the hint names their Debian packages.
        BuildFailed: a program failed.
    """
    tools.require_all()
    with tempfile.TemporaryDirectory(prefix="lifebuoy-build-", dir=work_parent) as folder:
        work = Path(folder)
        work.chmod(0o755)  # mmdebstrap's user namespace reads it
        progress(BuildProgress(0.0, "starting"))
        root.make(work, GUEST, epoch=epoch, note=lambda line: _report(line, progress))
        progress(BuildProgress(0.92, "making the initramfs"))
        modules = _only(work / "parts/usr/lib/modules", "*")
        initrd = initramfs.make(
            work,
            modules=modules,
            version=modules.name,
            busybox=work / "parts/busybox",
            init=GUEST / "init/initramfs",
            groups_text=(GUEST / "initramfs-modules.txt").read_text(),
        )
        progress(BuildProgress(0.95, "writing the ISO"))
        parts = iso.Parts(
            kernel=_only(work / "boot", "vmlinuz-*"),
            initrd=initrd,
            squashfs=work / "root.squashfs",
            manifest=work / "packages",
            boot=work / "parts",
            screen=_screen(work),
        )
        made = work / "rescue.iso"
        iso.make(work, made, parts, image_id=_identity(parts), epoch=epoch)
        made.replace(target)
        progress(BuildProgress(1.0, "done"))
        return (work / "packages").read_text()


def _screen(work: Path) -> dict[str, Path]:
    """The text screen's font and the Chinese texts written for it, by their names on the ISO."""
    texts = {name: (GUEST / "etc" / name).read_text() for name in ("notice.zh", "lost.zh")}
    everything = "".join(texts.values())
    made = {"screen.psf": work / "screen.psf"}
    made["screen.psf"].write_bytes(screenfont.make(everything, work / "parts/unifont.otf"))
    halves = screenfont.halves_of(everything)
    for name, text in texts.items():
        made[f"{name}.screen"] = work / f"{name}.screen"
        made[f"{name}.screen"].write_text(screenfont.for_screen(text, halves))
    return made


def _identity(parts: iso.Parts) -> str:
    """What the initramfs looks for on a CD-ROM: 16 hex digits that depend on the contents."""
    digest = hashlib.sha256()
    for path in (parts.kernel, parts.initrd, parts.squashfs):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise BuildFailed(f"expected one {pattern} in the rescue root, found {len(found)}")
    return found[0]


def _report(line: str, progress: Callable[[BuildProgress], None]) -> None:
    for pattern, done, doing in _MILESTONES:
        if pattern.search(line):
            progress(BuildProgress(done, doing))
