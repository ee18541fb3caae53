"""Building the rescue image for real: the same bytes again, nothing left of a broken-off build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import cache, images
from lifebuoy.errors import Cancelled
from lifebuoy.image import Catalogue

BEGUN_S = 20.0  # by then packages are being unpacked
END_S = 90.0
MAXIMUM_MIB = 220


def packages_of(catalogue: Path) -> str:
    return (catalogue / "lifebuoy/packages").read_text()


@pytest.mark.slow
def test_the_same_inputs_make_the_same_bytes(tmp_path: Path) -> None:
    before = images.get(cache.folder(os.environ), print)
    made = Catalogue(tmp_path / "one").build(progress=lambda _: None)
    if packages_of(before) != packages_of(tmp_path / "one"):  # Debian has updated something
        before = tmp_path / "two"
        Catalogue(before).build(progress=lambda _: None)
    assert Catalogue(before).get("lifebuoy").sha256 == made.sha256
    assert made.size_bytes <= MAXIMUM_MIB << 20


@pytest.mark.slow
def test_a_build_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir(mode=0o755)
    environment = {
        **os.environ,
        "LIFEBUOY_IMAGES": str(tmp_path / "images"),
        "TMPDIR": str(temporary),
    }
    building = subprocess.Popen(
        [sys.executable, "-m", "lifebuoy", "image", "build"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and so it stays.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(BEGUN_S)
    os.killpg(building.pid, signal.SIGINT)
    assert building.wait(END_S) == Cancelled.exit_status
    assert [path.name for path in (tmp_path / "images").iterdir()] == []
    assert list(temporary.iterdir()) == []
    assert str(temporary) not in Path("/proc/self/mounts").read_text()
