"""The Debian package: built from the checkout, and installed by dpkg into a copy of this machine.

The copy is an overlay in namespaces of their own: what dpkg and the maintainer scripts do there is
theirs alone. systemd does not run in it, so its units are looked at, not started by it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from lifebuoy import __version__
from tests.libvirt.command import until

PROJECT: Final = Path(__file__).parents[2]
_BUILD_S: Final = 900.0
_COMMAND_S: Final = 180.0
_TOOLS: Final = ("dpkg-deb", "unshare", "nsenter", "systemd-analyze", "adduser")
_SETUP: Final = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
echo ready
exec sleep 1200
"""
_CONFIG: Final = "/etc/lifebuoy/config.toml"
_STATE: Final = "/var/lib/lifebuoy-worker"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in _TOOLS), reason="is no Debian with systemd"
    ),
]


class Root:
    """A copy of this machine, whose processes and changes end with it."""

    def __init__(self, folder: Path) -> None:
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _SETUP]
        self._process = subprocess.Popen(
            [*words, "sh", str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        pid = self._process.pid
        child = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        self._enter = ["nsenter", "-t", child, "-m", "-p", "chroot", str(folder / "root")]

    def __call__(self, *words: str, stdin: str = "", status: int = 0) -> str:
        """What a command says there; its status must be that."""
        done = subprocess.run(
            [*self._enter, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def has(self, path: str) -> bool:
        """Whether there is something."""
        return self("sh", "-c", f"test -e {path} && echo yes || echo no") == "yes\n"

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start something that goes on; its first line is what its process is called there."""
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        told = ["env", "-i", path, "sh", "-c", 'echo $$; exec "$@"', "sh", *words]
        return subprocess.Popen([*self._enter, *told], stdout=subprocess.PIPE, text=True)

    def end(self) -> None:
        """All of it goes."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, as its recipe makes it."""
    folder = tmp_path_factory.mktemp("package")
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    wheel = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(
        [*wheel, str(PROJECT)], check=True, capture_output=True, timeout=_BUILD_S, env=clean
    )
    (made,) = folder.glob("*.whl")
    recipe = PROJECT / "packaging" / "debian" / "build.sh"
    (folder / "work").mkdir()
    done = subprocess.run(
        [recipe, made, folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=_BUILD_S,
        env=clean | {"TMPDIR": str(folder / "work")},
    )
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """A copy of this machine for one test."""
    made = Root(tmp_path)
    yield made
    made.end()


def test_what_is_packed_names_no_folder_of_the_build_and_is_roots(
    package: Path, tmp_path: Path
) -> None:
    listed = subprocess.run(
        ["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True
    ).stdout
    assert all(" root/root " in line for line in listed.splitlines())
    assert "./opt/lifebuoy/bin/lifebuoy" in listed and "./usr/bin/lifebuoy ->" in listed
    top = {line.split()[5].split("/")[1] for line in listed.splitlines()} - {""}
    assert top == {"opt", "usr", "etc"}
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    found = subprocess.run(
        ["grep", "-rlF", str(package.parent), tmp_path], capture_output=True, text=True
    )
    assert found.stdout == ""


def test_it_installs_serves_and_deletes_nothing_but_by_a_purge(root: Root, package: Path) -> None:
    root("dpkg", "-i", str(package))
    assert root("lifebuoy", "--version").split() == ["lifebuoy", __version__]
    assert root("stat", "-c", "%U:%G %a", _STATE) == "lifebuoy:lifebuoy 700\n"
    assert root("stat", "-c", "%U:%G %a", _CONFIG) == "root:lifebuoy 640\n"
    assert "libvirt" in root("id", "-nG", "lifebuoy").split()
    root("sh", "-c", f"echo 'connect = \"test:///default\"' > {_CONFIG}")
    serves(root)
    database = f"{_STATE}/lifebuoy/lifebuoy.sqlite"
    assert root("stat", "-c", "%U %a", database) == "lifebuoy 600\n"

    root("dpkg", "-i", "--force-confdef", "--force-confold", str(package))  # an upgrade
    assert "test:///default" in root("cat", _CONFIG)
    root("dpkg", "-r", "lifebuoy")
    assert root.has(database) and root.has(_CONFIG) and not root.has("/usr/bin/lifebuoy")
    assert not root.has("/opt/lifebuoy")
    root("dpkg", "-i", "--force-confdef", "--force-confold", str(package))
    assert "ana" in as_service(root, "account", "list")
    root("dpkg", "-P", "lifebuoy")
    assert not root.has(_STATE) and not root.has("/etc/lifebuoy") and not root.has("/opt/lifebuoy")


def test_its_units_are_sound_and_confined(root: Root, package: Path) -> None:
    root("dpkg", "-i", str(package))
    for name in ("lifebuoy-server", "lifebuoy-worker"):
        unit = f"/usr/lib/systemd/system/{name}.service"
        root("systemd-analyze", "verify", "--man=no", unit)
        report = root("systemd-analyze", "security", "--offline=true", "--threshold=25", unit)
        assert "Overall exposure level" in report


def as_service(root: Root, *words: str, stdin: str = "") -> str:
    """What a command says to the services' user."""
    return root("lifebuoy-service", *words, stdin=stdin)


def serves(root: Root) -> None:
    """The server answers, as the services' user."""
    words = ["account", "add", "ana", "--role", "admin", "--password-stdin"]
    as_service(root, *words, stdin="correct horse battery\n")
    server = root.start("lifebuoy-service", "serve", "--listen", "127.0.0.1:0", "--json")
    assert server.stdout is not None
    pid = server.stdout.readline().strip()
    try:
        url = json.loads(server.stdout.readline())["url"]
        assert until(lambda: ready(url))
        with urllib.request.urlopen(f"{url}/login", timeout=30) as answer:
            assert b"Lifebuoy" in answer.read()
    finally:
        root("kill", "-TERM", pid)
        assert server.wait(60) == 0


def ready(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
        return bool(json.load(answer)["connected"])
