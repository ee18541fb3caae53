"""A host with a system libvirt, its unprivileged users, and guests that its administrator made."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cache, images, login
from lifebuoy.image import Catalogue
from tests.daemon import elsewhere, machine, sshd
from tests.daemon.account import User
from tests.daemon.certificates import Authority
from tests.daemon.elsewhere import ELSEWHERE
from tests.daemon.guests import Guests
from tests.daemon.machine import Kind, Machine, Tls
from tests.daemon.member import Member
from tests.daemon.sshd import Server
from tests.libvirt.command import idle_iso

MEMBER = User("lb-member", 61001, groups=("libvirt",))
STRANGER = User("lb-stranger", 61002)
SYSTEM = "qemu:///system"
IDLE = "/run/idle"


@pytest.fixture(scope="session")
def our_images() -> Path:
    """The folder of a catalogue with our image; LIFEBUOY_TEST_IMAGES names one to test instead."""
    chosen = os.environ.get("LIFEBUOY_TEST_IMAGES")
    return Path(chosen) if chosen else images.get(cache.folder(os.environ), print)


@pytest.fixture(scope="session")
def tls() -> Tls:
    """Where the server listens by TLS, and who signs for it."""
    return Tls(Authority("the authority of a test"), login.free_port())


@pytest.fixture(scope="session")
def host(our_images: Path, tls: Tls) -> Iterator[Machine]:
    """A server with a system libvirt; a user is in its group libvirt, another is not."""
    needed = ("libvirtd", "virtlogd", "unshare", "nsenter", "setpriv")
    missing = [name for name in needed if shutil.which(name, path=_path()) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    if os.geteuid() != 0 or not _may_unshare():
        pytest.skip("needs root, and that it may make namespaces")
    with machine.started(Kind.HOST, (MEMBER, STRANGER), our_images, tls) as made:
        yield made


@pytest.fixture(scope="session")
def member(host: Machine) -> Member:
    """The member of the group libvirt, who names the system libvirt."""
    return Member(host, MEMBER, SYSTEM)


@pytest.fixture(scope="session")
def idle(host: Machine, tmp_path_factory: pytest.TempPathFactory) -> Member:
    """The same, with an owner's image whose system does nothing: no boot to wait for."""
    add_idle(host, tmp_path_factory.mktemp("idle"))
    return Member(host, MEMBER, SYSTEM, images=IDLE)


def add_idle(machine: Machine, folder: Path) -> None:
    """A catalogue on the machine with that image alone."""
    iso = idle_iso(folder / "idle.iso")
    Catalogue(machine.path(IDLE)).add(iso, image_id="idle", name="Does nothing", sha256=None)


@pytest.fixture(scope="module")
def laptop(our_images: Path, host: Machine) -> Iterator[Machine]:
    """A machine without libvirt's daemons; its user has a key for the host and one of their own."""
    if shutil.which(sshd.PROGRAM) is None:
        pytest.skip("needs openssh-server")
    with machine.started(Kind.LAPTOP, (ELSEWHERE,), our_images) as made:
        elsewhere.make_keys(made)
        yield made


@pytest.fixture(scope="module")
def server(host: Machine, laptop: Machine, request: pytest.FixtureRequest) -> Server:
    """The host's SSH server, known to the laptop's user."""
    name = "ssh-" + request.module.__name__.rpartition(".")[2]
    made = sshd.start(host, name, elsewhere.public_key(laptop))
    elsewhere.know(laptop, made)
    return made


@pytest.fixture
def guests(host: Machine) -> Iterator[Guests]:
    """What the host's administrator makes; gone after the test, with the media of stays."""
    made = Guests(host)
    yield made
    made.remove_all()


def _path() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def _may_unshare() -> bool:
    words = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
