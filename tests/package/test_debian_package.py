"""The Debian package: built from the checkout, and installed by dpkg into a copy of this machine.

The copy is an overlay in namespaces of their own; in one of them systemd runs and starts the units.
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
from lifebuoy.store.schema import HEAD
from tests.libvirt.command import until
from tests.package.copied import Booted, Root, booted, cgroups

PROJECT: Final = Path(__file__).parents[2]
_BUILD_S: Final = 900.0
_TOOLS: Final = ("dpkg-deb", "unshare", "nsenter", "systemd-analyze", "adduser")
_CONFIG: Final = "/etc/lifebuoy/config.toml"
_STATE: Final = "/var/lib/lifebuoy-worker"
_DATABASE: Final = f"{_STATE}/lifebuoy/lifebuoy.sqlite"
_OLDER: Final = "0.0.9"
_SERVER, _WORKER = "lifebuoy-server.service", "lifebuoy-worker.service"
#: Stands in for systemd's, and notes what it is asked for.
_SYSTEMCTL: Final = '#!/bin/sh\necho "$*" >>/run/asked\n'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in _TOOLS), reason="is no Debian with systemd"
    ),
]


def built(project: Path, folder: Path) -> Path:
    """The package of a checkout, as its recipe makes it."""
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    wheel = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(
        [*wheel, str(project)], check=True, capture_output=True, timeout=_BUILD_S, env=clean
    )
    (made,) = folder.glob("*.whl")
    (folder / "work").mkdir()
    done = subprocess.run(
        [project / "packaging" / "debian" / "build.sh", made, folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=_BUILD_S,
        env=clean | {"TMPDIR": str(folder / "work")},
    )
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this checkout."""
    return built(PROJECT, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a version before this one, which did not know the newest migration."""
    project = tmp_path_factory.mktemp("older") / "project"
    left_out = shutil.ignore_patterns(".*", "tests", "bench", "*-output", "dist", "build")
    shutil.copytree(PROJECT, project, symlinks=True, ignore=left_out)
    replaced(project / "pyproject.toml", f'version = "{__version__}"', f'version = "{_OLDER}"')
    source = project / "src" / "lifebuoy"
    replaced(source / "__init__.py", __version__, _OLDER)
    before, newest = sorted((source / "store/migrations/versions").glob("0*.py"))[-2:]
    assert newest.name[:4] == HEAD
    newest.unlink()
    replaced(source / "store/schema.py", f'"{HEAD}"', f'"{before.name[:4]}"')
    folder = project.parent / "package"
    folder.mkdir()
    return built(project, folder)


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), "utf-8")


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
    assert root("stat", "-c", "%U %a", _DATABASE) == "lifebuoy 600\n"

    root("dpkg", "-i", "--force-confdef", "--force-confold", str(package))  # an upgrade
    assert "test:///default" in root("cat", _CONFIG)
    root("dpkg", "-r", "lifebuoy")
    assert root.has(_DATABASE) and root.has(_CONFIG) and not root.has("/usr/bin/lifebuoy")
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


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Booted]:
    """A copy of this machine on which systemd runs."""
    if cgroups() is None:
        pytest.skip("needs a unified hierarchy of control groups")
    with booted(tmp_path) as made:
        yield made


def test_systemd_starts_the_server_confined_and_keeps_it_up(machine: Booted, package: Path) -> None:
    ours = machine.put(package)
    machine("dpkg", "-i", ours)
    assert machine.tried("systemctl", "is-active", _SERVER).stdout == "inactive\n"
    machine("sh", "-c", f"printf '[hosts.here]\nuri = \"qemu:///system\"\n' > {_CONFIG}")
    machine("systemctl", "start", "virtlogd.socket", "libvirtd.socket")
    machine("systemctl", "enable", "--now", _SERVER)
    assert until(lambda: connected(machine), 90), log(machine)

    first = main_pid(machine)
    facts = machine("cat", f"/proc/{first}/status").splitlines()
    found = {name: value.strip() for name, _, value in (line.partition(":") for line in facts)}
    uid = machine("id", "-u", "lifebuoy").strip()
    assert set(found["Uid"].split()) == {uid}
    assert (int(found["CapEff"], 16), found["NoNewPrivs"], found["Seccomp"]) == (0, "1", "2")
    assert found["Umask"] == "0077"
    assert machine("stat", "-c", "%U %a", _DATABASE) == "lifebuoy 600\n"
    told = [json.loads(line) for line in log(machine).splitlines() if line.startswith("{")]
    assert any(one["event"] == "request" for one in told), "the log is JSON, in the journal"

    machine("kill", "-KILL", str(first))
    assert until(lambda: main_pid(machine) not in {0, first} and connected(machine), 90)
    second = main_pid(machine)
    machine("dpkg", "-i", "--force-confdef", "--force-confold", ours)  # an upgrade
    assert until(lambda: main_pid(machine) not in {0, second} and connected(machine), 90)
    assert machine.tried("systemctl", "is-active", _WORKER).stdout == "inactive\n"

    machine("systemctl", "start", _WORKER)  # beside it, with the same database
    assert until(lambda: "connected" in log(machine, _WORKER), 90), log(machine, _WORKER)
    for unit in (_WORKER, _SERVER):
        machine("systemctl", "stop", unit)
        shown = machine("systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", unit)
        assert sorted(shown.split()) == ["ExecMainStatus=0", "Result=success"], log(machine, unit)
    machine("systemctl", "start", _SERVER)
    assert until(lambda: connected(machine), 90)
    machine("dpkg", "-P", "lifebuoy")
    assert main_pid(machine) == 0 and not machine.has(_STATE)
    assert not machine.has(f"/etc/systemd/system/multi-user.target.wants/{_SERVER}")


def connected(machine: Booted) -> bool:
    """Whether the server there answers, and has its host."""
    script = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8765/readyz')"
    done = machine.tried("python3", "-c", script + ".read().decode())")
    return done.returncode == 0 and bool(json.loads(done.stdout)["connected"])


def main_pid(machine: Booted) -> int:
    return int(machine("systemctl", "show", "--value", "-p", "MainPID", _SERVER))


def log(machine: Booted, unit: str = "lifebuoy-server.service") -> str:
    return machine("journalctl", "--no-pager", "-o", "cat", "-u", unit)


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


def test_an_upgrade_keeps_settings_and_accounts_and_brings_the_database_up_to_date(
    root: Root, package: Path, older: Path
) -> None:
    root("dpkg", "-i", str(older))
    assert root("lifebuoy", "--version").split() == ["lifebuoy", _OLDER]
    root("sh", "-c", f"echo 'connect = \"test:///default\"' > {_CONFIG}")
    words = ["account", "add", "ana", "--role", "admin", "--password-stdin"]
    as_service(root, *words, stdin="correct horse battery\n")
    assert tables(root) < HEAD
    root("mkdir", "-p", "/run/systemd/system")
    root("sh", "-c", "rm /usr/bin/systemctl; cat >/usr/bin/systemctl", stdin=_SYSTEMCTL)
    root("chmod", "0755", "/usr/bin/systemctl")

    root("dpkg", "-i", "--force-confdef", "--force-confold", str(package))
    asked = root("cat", "/run/asked")
    assert "daemon-reload" in asked
    for name in ("lifebuoy-server", "lifebuoy-worker"):
        assert [line for line in asked.splitlines() if "try-restart" in line and name in line]
    assert "test:///default" in root("cat", _CONFIG)
    assert root("lifebuoy", "--version").split() == ["lifebuoy", __version__]
    assert tables(root) < HEAD, "nothing is done before the services start"
    assert "ana" in as_service(root, "account", "list")
    assert tables(root) == HEAD
    assert root("stat", "-c", "%U %a", _DATABASE) == "lifebuoy 600\n"

    refused = root.tried("dpkg", "-i", str(older))
    assert refused.returncode != 0 and "To go back" in refused.stderr, refused.stderr
    assert root("lifebuoy", "--version").split() == ["lifebuoy", __version__]
    assert root("dpkg-query", "-W", "-f", "${Status}", "lifebuoy") == "install ok installed"
    assert "ana" in as_service(root, "account", "list")

    root("dpkg", "-r", "lifebuoy")
    root("dpkg", "-i", "--force-confdef", "--force-confold", str(older))
    newer = root.tried("lifebuoy-service", "account", "list")
    assert newer.returncode == 6 and "[database-newer]" in newer.stderr, newer.stderr
    root("dpkg", "-P", "lifebuoy")
    assert not root.has(_STATE) and not root.has("/etc/lifebuoy") and not root.has("/opt/lifebuoy")


def tables(root: Root) -> str:
    """The version of the database's tables."""
    script = f"import sqlite3; c = sqlite3.connect({_DATABASE!r}); "
    query = "print(*c.execute('SELECT version_num FROM alembic_version').fetchone())"
    return root("python3", "-c", script + query).strip()


def test_lintian_has_nothing_to_say_that_is_not_overridden_with_a_reason(
    root: Root, package: Path
) -> None:
    root("apt-get", "-q", "update")
    root("apt-get", "-q", "-y", "--no-install-recommends", "install", "lintian")
    said = root.tried("lintian", "--fail-on", "error,warning", "--allow-root", str(package))
    assert said.returncode == 0, said.stdout + said.stderr
