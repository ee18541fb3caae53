"""The wheel alone is the product: installed outside the checkout it does all it promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from lifebuoy import __version__
from lifebuoy.image import Catalogue
from tests.libvirt.command import Answer

PROJECT: Final = Path(__file__).parents[2]
PACKAGE: Final = PROJECT / "src" / "lifebuoy"
NAME: Final = "diskless"
PASSWORD: Final = "Rescue-Wheel-1"
INSTALL_S: Final = 600.0
COMMAND_S: Final = 400.0

#: Run by the Python that has nothing but the wheel: prints the definition of the instance, which
#: it makes first where the definition comes in on standard input.
DEFINE: Final = """\
import pathlib, sys
from lifebuoy.hypervisor import connect
with connect(sys.argv[1], state_dir=pathlib.Path(sys.argv[2])) as host:
    given = sys.stdin.read()
    if given:
        host.define(host.define(given).xml(secure=True))
    print(host.domain(sys.argv[3]).xml(secure=True))
"""
DISKLESS: Final = f"""
<domain type='qemu'>
  <name>{NAME}</name>
  <memory unit='MiB'>512</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <interface type='user'><model type='virtio'/></interface>
    <serial type='pty'/>
    <graphics type='vnc'><listen type='none'/></graphics>
    <video><model type='vga'/></video>
  </devices>
</domain>
"""


@dataclass(frozen=True)
class Installed:
    """``lifebuoy`` in an environment of its own; ``home`` is empty and the working folder."""

    environment: Path
    home: Path
    images: Path

    @property
    def uri(self) -> str:
        return f"qemu:///embed?root={self.home}/e"

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        """The command's answer."""
        return self._run("lifebuoy", "--connect", self.uri, *words, stdin=stdin)

    def definition(self, given: str = "") -> str:
        """The instance's definition, which is made from ``given``."""
        answer = self._run("python", "-c", DEFINE, self.uri, str(self.home), NAME, stdin=given)
        assert answer.status == 0, answer.err
        return answer.out

    def _run(self, program: str, *words: str, stdin: str) -> Answer:
        done = subprocess.run(
            [self.environment / "bin" / program, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            cwd=self.home,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "LIFEBUOY_IMAGES": str(self.images),
            },
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(PROJECT)], check=True, capture_output=True, timeout=INSTALL_S)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel and what it names as needed."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    python = str(folder / "bin" / "python")

    def run(*words: str, check: bool = True) -> bool:
        done = subprocess.run(words, check=check, env=clean, cwd=folder.parent, timeout=INSTALL_S)
        return done.returncode == 0

    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    uv = Path(sys.executable).with_name("uv")  # as in tools/setup.sh, and pip where it cannot
    if not run(str(uv), "pip", "install", "-q", "--python", python, str(wheel), check=False):
        run(python, "-m", "ensurepip")
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel))
    return folder


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home with a short name, for the sockets below it."""
    folder = Path(tempfile.mkdtemp(prefix="lbw-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def installed(environment: Path, home: Path, our_images: Catalogue) -> Iterator[Installed]:
    """The installed command, with the lab's rescue image; its machines end with the test."""
    command = Installed(environment, home, our_images.folder)
    yield command
    command("rescue", "exit", NAME, "--force", "--changes", "drop", "--watch", "0")


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    files = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert names == files
    assert any(name.startswith("lifebuoy/guest/init/") for name in names)


@pytest.mark.timeout(1200)
def test_the_installed_command_finds_the_host_and_image_fit(installed: Installed) -> None:
    assert installed("--version").out.split()[-1] == __version__
    items = installed("host", "check", "--json").json("host-check")["items"]
    image = next(item for item in items if item["name"] == "rescue image")
    # Current by its own package data: the wheel would build the same image as the checkout.
    assert image["ok"] is True, image


@pytest.mark.turn(1, 2)
@pytest.mark.timeout(1200)
def test_the_installed_command_enters_and_leaves_rescue_mode(installed: Installed) -> None:
    enter_and_leave(installed)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_installed_command_builds_the_image_that_it_rescues_with(
    environment: Path, home: Path
) -> None:
    command = Installed(environment, home, home / "images")
    built = command("image", "build", "--json")
    assert built.status == 0, built.err
    assert command("image", "verify").status == 0
    enter_and_leave(command)


def enter_and_leave(command: Installed) -> None:
    before = command.definition(DISKLESS)
    entered = command(
        "rescue", "enter", NAME, "--password-stdin", "--json", stdin=f"{PASSWORD}\n"
    ).json("rescue-enter")
    assert entered["seen"]["ssh"], entered
    status = command("rescue", "status", NAME, "--json").json("rescue-status")
    assert status["state"] == "RESCUE_MODE"
    left = command("rescue", "exit", NAME, "--json")
    assert left.status == 0, left.err
    assert command.definition() == before
    (listed,) = command("list", "--json").json("instance-list")["instances"]
    assert listed["state"] == "STOPPED"
