"""A real nginx before the server, set up as docs/operate tells: its configuration is the page's."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab import cache
from lab.login import free_port
from tests.api.server import Server
from tests.daemon.certificates import Authority
from tests.libvirt.command import Command

_DOWNLOAD_S: Final = 300.0
PAGES: Final = [
    Path(__file__).parents[2] / "docs" / "operate" / name
    for name in ("README.md", "README.zh-CN.md")
]
_LOOPBACK: Final = "127.0.0.1"
_START_S: Final = 20.0
#: What is around the page's part on every machine; files go below the test's own folder.
_AROUND: Final = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{part}
}}
"""


def documented(page: Path = PAGES[0]) -> str:
    """The part of nginx's configuration that the page shows."""
    (found,) = re.findall(r"^```nginx\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    return str(found)


def here(part: str, folder: Path, outside: int, inside: int) -> str:
    """The part, with this test's addresses and files instead of an administrator's."""
    for told, ours in (
        ("listen 443 ssl;", f"listen {_LOOPBACK}:{outside} ssl;"),
        ("listen [::]:443 ssl;", ""),
        ("/etc/ssl/rescue.crt", f"{folder}/crt.pem"),
        ("/etc/ssl/private/rescue.key", f"{folder}/key.pem"),
        ("http://127.0.0.1:8765", f"http://{_LOOPBACK}:{inside}"),
    ):
        assert part.count(told) == 1, told
        part = part.replace(told, ours)
    return part


class Proxied(Server):
    """Is asked through nginx only. ``come_from`` is the address on loopback that clients have;
    ``authority`` the file of who has signed nginx's certificate."""

    trusts: ssl.SSLContext
    authority: Path
    inside: int
    outside: int

    def start(self, *, until_connected: bool = True) -> None:
        """Behind nginx, where it was before."""
        self.url = f"http://{_LOOPBACK}:{self.inside}"  # where to listen
        super().start(until_connected=until_connected)
        assert self.url == f"https://{_LOOPBACK}:{self.outside}"

    def client(self, key: str = "", come_from: str = _LOOPBACK) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        way = httpx.HTTPTransport(verify=self.trusts, local_address=come_from)
        return httpx.Client(base_url=self.url, headers=headers, transport=way, timeout=30)


def program() -> Path:
    """nginx of Debian's package, which is unpacked and not installed: that would serve port 80."""

    def build(folder: Path) -> None:
        for words in (["apt-get", "-q", "download", "nginx"], ["sh", "-c", "dpkg-deb -x *.deb ."]):
            subprocess.run(words, cwd=folder, check=True, timeout=_DOWNLOAD_S)

    return cache.keep(cache.folder(os.environ), "nginx", cache.key(), build) / "usr/sbin/nginx"


@contextmanager
def behind(command: Command, folder: Path) -> Iterator[Proxied]:
    """A server behind nginx for the block; nginx's files are in ``folder``."""
    outside, inside = free_port(), free_port()
    trusts = _certificate(folder)
    config = folder / "nginx.conf"
    part = here(documented(), folder, outside, inside)
    config.write_text(_AROUND.format(folder=folder, part=part))
    settings = command.home / "CONFIG" / "lifebuoy" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f'[server]\norigin = "https://{_LOOPBACK}:{outside}"\n')
    words = [str(program()), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]
    nginx = subprocess.Popen(words)
    server = Proxied(command)
    server.trusts, server.authority = trusts, folder / "ca.pem"
    server.inside, server.outside = inside, outside
    try:
        _wait_for(outside, nginx)
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end()
        nginx.terminate()
        nginx.wait(_START_S)


def _certificate(folder: Path) -> ssl.SSLContext:
    authority = Authority("the proxy's")
    pair = authority.server(_LOOPBACK)
    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "crt.pem").write_bytes(pair.certificate.public_bytes(Encoding.PEM))
    (folder / "ca.pem").write_bytes(authority.certificate)
    return ssl.create_default_context(cadata=authority.certificate.decode())


def _wait_for(port: int, nginx: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        assert nginx.poll() is None, "nginx ended"
        try:
            socket.create_connection((_LOOPBACK, port), 1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
