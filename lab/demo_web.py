"""The web console with a guest that has just lost its GRUB: a place to try rescue mode in.

The guest and an embedded libvirt live in a folder of their own, of which the server is the one
process; the account is made for this run. All of it is gone when the server is told to end.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab import breaking, definition, guest, images, root
from lab.breaking import Order
from lab.layout import Layout
from lab.stage import NAME, Stage, Untrue, apart
from lifebuoy.errors import LifebuoyError

ACCOUNT: Final = "demo"
BROKEN: Final = "grub_files_gone"
_KEY: Final = ("api-key", "add", ACCOUNT, "--scope", "read", "--scope", "act", "--json")
_COMMAND_S: Final = 60
_END_S: Final = 60.0


def run(base: Path, listen: str) -> int:
    """Serve until the process is told to end (Ctrl-C, SIGTERM); the exit status.

    ``listen`` is HOST:PORT, as of ``lifebuoy serve``.
    """
    folder = Path(tempfile.mkdtemp(prefix="lifebuoy-web-", dir="/tmp"))
    stage = Stage(folder, folder, time.monotonic())
    try:
        _prepare(stage, base)
        return _serve(stage, _environment(stage, base), listen)
    except Untrue as error:
        print(f"\nThe demo FAILED: {error}", file=sys.stderr)
        return 1
    except LifebuoyError as error:
        print(f"\nThe demo FAILED: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return error.exit_status
    finally:
        if (folder / "libvirt").exists():
            apart(_stop_guest, stage)
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(stage: Stage, base: Path) -> None:
    """The rescue image, and a guest that runs and does not boot."""
    stage.head("Preparing: the rescue image and a guest, built once and kept")
    with ThreadPoolExecutor(1) as pool:
        image = pool.submit(images.get, base, stage.say)
        built = guest.get(base, Layout.BIOS, stage.say)
        image.result()
    disk = guest.overlay(built.base, stage.root / "disk.qcow2")
    stage.say("GRUB's files are deleted on the guest's disk")
    breaking.apply(root.get(base, stage.say), [Order(BROKEN, disk)], stage.say)
    apart(_start_guest, stage, disk)


def _start_guest(stage: Stage, disk: Path) -> None:
    with stage.host() as host:
        xml = definition.domain_xml(Layout.BIOS, disk, name=NAME, uuid=str(uuid.uuid4()))
        host.define(xml).start()


def _stop_guest(stage: Stage) -> None:
    with stage.host() as host:
        for domain in host.domains():
            if domain.active:
                domain.destroy()


def _environment(stage: Stage, base: Path) -> dict[str, str]:
    """What makes ``lifebuoy`` use nothing but this folder, and the lab's image."""
    kinds = ("CONFIG", "STATE", "CACHE", "DATA")
    xdg = {f"XDG_{kind}_HOME": str(stage.root / kind.lower()) for kind in kinds}
    return images.environment(base) | xdg | {"LIFEBUOY_CONNECT": stage.uri}


def _lifebuoy(environment: Mapping[str, str], *words: str) -> str:
    """What a command prints; raises Untrue where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "lifebuoy", *words],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_COMMAND_S,
        check=False,
    )
    if done.returncode != 0:
        raise Untrue(f"lifebuoy {' '.join(words)} failed ({done.returncode})")
    return done.stdout


def _serve(stage: Stage, environment: Mapping[str, str], listen: str) -> int:
    words = ("account", "add", ACCOUNT, "--role", "admin", "--generate-password", "--json")
    password = json.loads(_lifebuoy(environment, *words))["password"]
    key = json.loads(_lifebuoy(environment, *_KEY))["key"]
    with _server(stage, environment, listen) as (server, url):
        stage.head("The machine 'demo' does not boot any more. Help it in a browser:")
        print(f"\n  {url}\n\n  account   {ACCOUNT}\n  password  {password}\n", flush=True)
        print("The same from another terminal, by the command line through the server:\n")
        print(f"  export LIFEBUOY_SERVER={url} LIFEBUOY_API_KEY={key}\n  lifebuoy list\n")
        print("The login is for this run alone. Ctrl-C ends it, and removes all of it.", flush=True)
        try:
            server.wait()
        except KeyboardInterrupt:
            print("\nending ...", flush=True)
            return 0
    raise Untrue(f"the server has ended by itself:\n{_log(stage).read_text()[-2000:]}")


@contextmanager
def _server(
    stage: Stage, environment: Mapping[str, str], listen: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``lifebuoy serve`` for the block, and its address."""
    with _log(stage).open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "lifebuoy", "serve", "--listen", listen, "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C is ours: we tell it to end
        )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        if not line:
            raise Untrue(f"the server does not start:\n{_log(stage).read_text()[-2000:]}")
        yield server, json.loads(line)["url"]
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(_END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _log(stage: Stage) -> Path:
    return stage.root / "server.log"
