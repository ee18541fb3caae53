"""The rescue image for the lab: built once per version of its builder, kept in the cache."""

from __future__ import annotations

import os
from pathlib import Path

from lab import cache
from lab.root import Progress
from lifebuoy.image import Catalogue
from lifebuoy.image.builder import inputs_key


def folder(base: Path) -> Path:
    """The catalogue's folder for the builder as it is now."""
    return base / f"rescue-image-{inputs_key()}"


def get(base: Path, progress: Progress) -> Path:
    """The folder of a catalogue that holds our image, built where it is missing."""

    def build(into: Path) -> None:
        last = ""

        def show(step: object) -> None:
            nonlocal last
            doing = getattr(step, "doing", "")
            if doing != last:
                last = doing
                progress(f"rescue image: {doing}")

        Catalogue(into).build(progress=show)

    return cache.keep(base, "rescue-image", inputs_key(), build)


def environment(base: Path) -> dict[str, str]:
    """The environment for a `lifebuoy` command that uses the lab's image."""
    return {**os.environ, "LIFEBUOY_IMAGES": str(folder(base))}
