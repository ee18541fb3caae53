"""Changing the hosts in the file: comments and order stay; it is replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Table

from lifebuoy.errors import BadInput, NotFound, Refused
from lifebuoy.hosts.place import Place


def add_host(path: Path, place: Place) -> None:
    """Write ``[hosts.NAME]`` into the file, which is made if need be.

    Raises:
        Refused: there is a host of that name.
        BadInput: the file cannot be read, written or understood.
    """
    document = _read(path)
    hosts = _hosts(document, path)
    if place.name in hosts:
        raise Refused(
            f"there is a host '{place.name}' in {path}",
            hint=f"to change it: lifebuoy host remove {place.name}, then add it again",
        )
    table = tomlkit.table()
    table["uri"] = place.uri
    if place.pool:
        table["pool"] = place.pool
    hosts[place.name] = table
    document["hosts"] = hosts
    _write(path, document)


def remove_host(path: Path, name: str) -> None:
    """Take ``[hosts.NAME]`` out of the file.

    Raises:
        NotFound: the file has no such host.
    """
    document = _read(path)
    hosts = _hosts(document, path)
    if name not in hosts:
        there = ", ".join(sorted(hosts))
        raise NotFound(
            f"there is no host '{name}' in {path}", hint=f"there are: {there}" if there else ""
        )
    del hosts[name]
    if not hosts:
        del document["hosts"]
    _write(path, document)


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except (ParseError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}") from None


def _hosts(document: tomlkit.TOMLDocument, path: Path) -> Table:
    hosts = document.get("hosts")
    if hosts is None:
        return tomlkit.table(is_super_table=True)
    if not isinstance(hosts, dict):
        raise BadInput(f"in {path}, 'hosts' is no table", hint="for example: [hosts.web]")
    return hosts  # type: ignore[return-value]  # a table or tomlkit's proxy of one


def _write(path: Path, document: tomlkit.TOMLDocument) -> None:
    """Through a file beside it, so that nobody ever reads a half; its mode and links are kept."""
    target = path.resolve()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o600
        descriptor, name = tempfile.mkstemp(prefix=".config-", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(tomlkit.dumps(document))
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
