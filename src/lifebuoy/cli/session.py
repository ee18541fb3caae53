"""What a command starts from: settings, the hosts to use, this user's folders, the images."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from platformdirs import user_cache_path, user_state_path

from lifebuoy.cli import output
from lifebuoy.errors import AmbiguousInstance, BadInput, OnlyHere
from lifebuoy.hosts.finding import Whereabouts, find
from lifebuoy.hosts.fleet import Fleet, opener
from lifebuoy.hosts.place import Address, Place, address
from lifebuoy.hypervisor import Host
from lifebuoy.hypervisor.connection import EMBED
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context
from lifebuoy.settings import reading
from lifebuoy.settings.values import Settings

if TYPE_CHECKING:  # loads what speaks HTTP: only where a server is asked
    from lifebuoy.client.server import Found, Server

#: One host alone may take its time; it is not waited for beside others.
_CONNECT_S: Final = 30.0
#: Beside the settings, where no setting names another.
_KEY_FILE: Final = "api-key"


class Session:
    """The global options of one run of the command line, and what follows from them."""

    def __init__(
        self,
        connect_flag: str | None = None,
        config_flag: Path | None = None,
        server_flag: str | None = None,
    ) -> None:
        self.connect_flag = connect_flag
        self.config_flag = config_flag
        self.server_flag = server_flag
        self._chosen = ""

    @property
    def state_dir(self) -> Path:
        """Where this user's state goes: the embedded host, kept outputs."""
        return user_state_path("lifebuoy")

    @property
    def cache_dir(self) -> Path:
        """Where what can be found out again is kept."""
        return user_cache_path("lifebuoy")

    @property
    def config_path(self) -> Path:
        """The file of the settings."""
        return reading.path_of(self.config_flag, os.environ)

    @property
    def flags(self) -> dict[str, Any]:
        """The settings that were given as options, by key."""
        if self.server_flag is None:
            return {"connect": self.connect_flag}
        # a host of the server's is none of this machine's
        return {"client": {"url": self.server_flag}} | (
            {} if self.server_flag else {"connect": self.connect_flag}
        )

    @cached_property
    def settings(self) -> Settings:
        """All settings.

        Raises:
            BadInput: see ``settings.reading.read``.
        """
        return reading.read(self.flags, os.environ, self.config_path)

    @cached_property
    def server(self) -> Server | None:
        """The server that is asked; None where this process asks libvirt itself.

        Raises:
            NotSignedIn, BadInput: there is no key to ask it with, or none that is kept safely.
        """
        if not self.settings.client.url:
            return None
        from lifebuoy.client.link import ANSWER_S, PATIENCE_S

        return self._asked(ANSWER_S, PATIENCE_S)

    def quick_server(self, seconds: float) -> Server | None:
        """The same for somebody who waits for so long at most."""
        return self._asked(seconds, 0.0) if self.settings.client.url else None

    def _asked(self, answer_s: float, patience_s: float) -> Server:
        from lifebuoy.client.key import api_key
        from lifebuoy.client.link import Link
        from lifebuoy.client.server import Server

        client = self.settings.client
        key = api_key(os.environ, client.key_file or self.config_path.parent / _KEY_FILE)
        link = Link(
            client.url, key, client.ca_file, _told, answer_s=answer_s, patience_s=patience_s
        )
        return Server(link, self.connect_flag or "")

    def there(self, server: Server, ref: str, *, looking: bool = False) -> Found:
        """An instance of the server's; see ``client.server.Server.find``."""
        found = server.find(ref, looking=looking)
        if looking and found.silent:
            _tell_silent(found.silent, found.host)
        self.choose(found.chosen)
        return found

    def choose(self, host: str) -> None:
        """Address what this run works on by its host, too, from now on; empty: there is one."""
        self._chosen = host

    def require_here(self, why: str = "", hint: str = "") -> None:
        """Pass if no server is asked: for what only this process can do.

        Raises:
            OnlyHere: one is; ``why`` says why that cannot be.
        """
        if url := self.settings.client.url:
            raise OnlyHere(
                f"this is not done by the server {url}" + (f": {why}" if why else ""),
                hint=hint or "on this machine: --server ''; or log in to the server's machine",
            )

    @property
    def many(self) -> tuple[Place, ...]:
        """The hosts to use; () where it is the one of ``context``."""
        return () if self.settings.connect else self.settings.hosts

    def catalogue(self) -> Catalogue:
        """This user's images.

        Raises:
            OnlyHere: a server is asked, whose images are its own.
        """
        self.require_here("the rescue images are those of this machine")
        return Catalogue(self.settings.images)

    @contextmanager
    def context(self) -> Iterator[Context]:
        """The one host to use, connected, with all that operations need; closed at the end.

        Raises:
            AmbiguousInstance: there are several to choose from.
            CannotConnect, Busy, BadInput: see ``hypervisor.connect``.
        """
        if len(self.many) > 1:
            raise AmbiguousInstance(
                f"there are {len(self.many)} hosts", hint="say which one: --connect HOST"
            )
        with self._open(self.only()) as found:
            yield found

    @contextmanager
    def instance(self, ref: str) -> Iterator[tuple[Context, str]]:
        """The connected host of an instance that may be changed, and its name there.

        ``ref`` is NAME or HOST/NAME.

        Raises:
            AmbiguousInstance: not surely one instance.
            InstanceNotFound: no host has it.
            CannotConnect, HostSilent: its host cannot be reached.
        """
        with self.at(ref, lambda fleet, name: find(fleet, name).sure()) as found:
            yield found

    @contextmanager
    def look(self, ref: str) -> Iterator[tuple[Context, str]]:
        """The same for looking only: hosts that do not answer are not in the way."""
        with self.at(ref, lambda fleet, name: _looked_at(find(fleet, name))) as found:
            yield found

    def fleet(self, timeout_s: float | None = None) -> Fleet:
        """All configured hosts; to be closed.

        Raises:
            OnlyHere: a server is asked, whose hosts are its own.
        """
        self.require_here()
        deadline_s = timeout_s or self.settings.host_timeout_s
        return Fleet(self.settings.hosts, opener(self.state_dir), timeout_s=deadline_s)

    def address(self, name: str) -> str:
        """How the user addresses the instance that this run has worked on."""
        return f"{self._chosen}/{name}" if self._chosen else name

    def plain(self, ref: str) -> str:
        """The name alone, or the id, of what was addressed by ``ref``."""
        if self.server is not None:
            return self.server.plain(ref)
        return self._address(ref).instance

    def command(self, *words: str) -> str:
        """A command line of ours that reaches the same host, to be shown to the user."""
        config = ["--config", str(self.config_flag)] if self.config_flag else []
        server = ["--server", self.server_flag] if self.server_flag else []
        where = ["--connect", self.connect_flag] if self.connect_flag else []
        return shlex.join(["lifebuoy", *config, *server, *where, *words])

    @contextmanager
    def at(self, ref: str, choose: Callable[[Fleet, str], str]) -> Iterator[tuple[Context, str]]:
        """The connected host of what ``ref`` names, by WHAT or HOST/WHAT, and WHAT.

        Where there are many hosts and none is named, ``choose`` finds the one among them.
        """
        named = self._address(ref)
        if not named.host and len(self.many) < 2:
            with self._open(self.only()) as found:
                yield found, named.instance
            return
        with self.fleet() as fleet:
            host = named.host or choose(fleet, named.instance)
            self._chosen = host
            yield self.context_of(fleet.host(host, _CONNECT_S)), named.instance

    def _address(self, ref: str) -> Address:
        """``ref`` taken apart; what is on the command line beats what is set elsewhere."""
        named = address(ref, frozenset(place.name for place in self.settings.hosts))
        if named.host and self.connect_flag not in {None, named.host}:
            raise BadInput(
                f"two hosts are named: --connect {self.connect_flag} and {named.host}/",
                hint="leave one of them away",
            )
        return named

    def only(self) -> Place:
        """The one host to use; with an empty URI it is the first libvirt that answers here."""
        connect, hosts = self.settings.connect, self.settings.hosts
        if not connect:
            return hosts[0] if hosts else Place("", "", self.settings.pool)
        for place in hosts:
            if connect in {place.name, place.uri}:
                return place
        if ":" in connect or connect == EMBED:
            return Place("", connect, self.settings.pool)
        near = difflib.get_close_matches(connect, [place.name for place in hosts], n=1)
        raise BadInput(
            f"'{connect}' is neither a libvirt URI nor the name of a host",
            hint=f"did you mean {near[0]}?" if near else "for example qemu:///system",
        )

    @contextmanager
    def _open(self, place: Place) -> Iterator[Context]:
        self.require_here()
        # as one of many: a connection cannot be interrupted, but it need not be waited for
        with Fleet([place], opener(self.state_dir), timeout_s=_CONNECT_S) as fleet:
            yield self.context_of(fleet.host(place.name))

    def context_of(self, host: Host) -> Context:
        """What operations need, with an open host."""
        return Context(host, self.catalogue(), self.cache_dir)


def of(context: typer.Context) -> Session:
    """The session of a command's context."""
    found = context.find_object(Session)
    return found or Session()


def _looked_at(found: Whereabouts) -> str:
    if found.silent:
        _tell_silent(found.silent, found.likely())
    return found.likely()


def _tell_silent(silent: tuple[str, ...], host: str) -> None:
    output.note(f"{', '.join(silent)} did not answer; this is host {host}'s.")


def _told(words: str) -> None:
    """For somebody who looks on; a program that reads errors as JSON gets nothing else."""
    if output.err().is_terminal:
        output.note(words)
