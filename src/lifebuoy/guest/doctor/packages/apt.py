"""Packages from the guest's configured repositories, by this system's apt: signatures are checked.

Of the guest's configuration its sources and keys are used, and nothing that could have apt run a
program, leave the check of a signature out, or read from anywhere but a server.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..change import FromPackage
from ..mounting import run
from ..naming import plain
from ..tree import Tree

DOWNLOAD_S = 300
MOST_FILES = 500
MOST_BYTES = 4 << 20
#: where keys are that a source may name, and their place in the private apt's folder
KEYRINGS = {"/usr/share/keyrings/": "keyrings-usr", "/etc/apt/keyrings/": "keyrings-etc"}
_OPTIONS = re.compile(r"^deb\s+\[([^\]]*)\](.*)$")
_HARMLESS = re.compile(r"^(arch|signed-by|check-valid-until|by-hash)[+-]?=[^\s%\"]+$")
_FIELDS = re.compile(
    r"^(types|uris|suites|components|enabled|architectures|signed-by|check-valid-until|by-hash)$"
)
_FROM_SERVER = re.compile(r"^https?://[^\s]+$")
_LISTS = "/var/lib/apt/lists"
_MOST_LISTED = 512 << 20  # bytes of all lists
_PIECE = 1 << 20


class NotDownloaded(Exception):
    """Why not, in words of apt's."""


def download(wanted: FromPackage, tree: Tree, work: str) -> str:
    """The folder where it is now. A repository that is not signed by the guest's own keys is as if
    it were not there. Raises NotDownloaded.
    """
    area = Path(work) / "apt"
    options = _options(area, tree, wanted.architecture)
    told = _updated(area, options)
    command = f"{wanted.package}:{wanted.architecture}={wanted.version}"
    if wanted.architecture == "all":
        command = f"{wanted.package}={wanted.version}"
    done = _apt([*options, "download", command], area / "got")
    if done.returncode != 0:
        raise NotDownloaded("; ".join(words for words in (told, _last(done.stderr)) if words))
    return str(area / "got")


def has_server(tree: Tree) -> bool:
    """Whether the guest names a repository that may be asked."""
    return any(text.strip() for text in _sources(tree).values())


def is_listed(wanted: FromPackage, tree: Tree) -> bool:
    """Whether the guest's own lists say that a repository has it; they may be old, or packed."""
    left = _MOST_LISTED
    for name in tree.names(_LISTS)[:MOST_FILES]:
        file = tree.open(f"{_LISTS}/{name}") if name.endswith("_Packages") else None
        if file is None:
            continue
        with file:
            rest = b""
            while left > 0 and (piece := file.read(_PIECE)):
                left -= len(piece)
                rest = (rest + piece)[-2 * _PIECE :]
                if any(_is_entry(entry, wanted) for entry in _entries(rest, wanted.package)):
                    return True
                rest = rest[rest.rfind(b"\n\n") + 1 :]
    return False


def _entries(text: bytes, package: str) -> Iterator[bytes]:
    """The whole entries of that package in a piece of a list."""
    begin = f"Package: {package}\n".encode()
    at = text.find(begin)
    while at >= 0:
        end = text.find(b"\n\n", at)
        if end < 0:
            return
        if at == 0 or text[at - 1 : at] == b"\n":
            yield text[at:end]
        at = text.find(begin, end)


def _is_entry(entry: bytes, wanted: FromPackage) -> bool:
    lines = entry.split(b"\n")
    architectures = {f"Architecture: {one}".encode() for one in (wanted.architecture, "all")}
    return f"Version: {wanted.version}".encode() in lines and not architectures.isdisjoint(lines)


def _updated(area: Path, options: list[str]) -> str:
    """Fetch what the repositories have, once; what went wrong with some of them."""
    note = area / "updated"
    if not note.exists():
        done = _apt([*options, "update"], area)
        note.write_text(_last(done.stderr) if done.returncode != 0 else "")
    return note.read_text()


def _apt(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return run(["apt-get", "-q", *words], DOWNLOAD_S, folder=str(folder))
    except subprocess.TimeoutExpired:
        late = f"not done within {DOWNLOAD_S} s"
        return subprocess.CompletedProcess(words, 1, "", late)


def _options(area: Path, tree: Tree, architecture: str) -> list[str]:
    """A private apt: nothing of this system's or the guest's state is written."""
    for name in ("state/lists/partial", "cache/archives/partial", "got", "etc", "empty"):
        (area / name).mkdir(parents=True, exist_ok=True)
    for name in ("trusted.gpg.d", "trusted.gpg"):
        _copy(tree, f"/etc/apt/{name}", area / "etc" / name)
    for source, place in KEYRINGS.items():
        _copy(tree, source.rstrip("/"), area / place)
    (area / "etc/sources.list.d").mkdir(exist_ok=True)
    for path, text in _sources(tree).items():
        for source, keys in KEYRINGS.items():
            text = text.replace(source, f"{area}/{keys}/")
        (area / "etc" / path).write_text(text)
    (area / "status").touch()
    settings = {
        "Dir::State": area / "state",
        "Dir::State::status": area / "status",
        "Dir::Cache": area / "cache",
        "Dir::Etc": area / "etc",
        "Dir::Etc::sourcelist": area / "etc/sources.list",
        "Dir::Etc::sourceparts": area / "etc/sources.list.d",
        "Dir::Etc::trusted": area / "etc/trusted.gpg",
        "Dir::Etc::trustedparts": area / "etc/trusted.gpg.d",
        "Dir::Etc::preferencesparts": area / "empty",
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowWeakRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
    }
    if architecture != "all":
        settings["APT::Architecture"] = architecture
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _sources(tree: Tree) -> dict[str, str]:
    """The guest's sources, made safe, by their paths below /etc/apt."""
    names = tree.names("/etc/apt/sources.list.d")[:MOST_FILES]
    more = [f"sources.list.d/{one}" for one in names if one.endswith((".list", ".sources"))]
    found = {}
    for path in ("sources.list", *more):
        text = (tree.read(f"/etc/apt/{path}", MOST_BYTES) or b"").decode("utf-8", "replace")
        found[path] = stanzas(text) if path.endswith(".sources") else lines(text)
    return found


def lines(text: str) -> str:
    """One-line sources of servers, without options that leave the check of signatures out."""
    kept = []
    for whole in text.splitlines():
        line = whole.split("#")[0].strip()
        match = _OPTIONS.match(line)
        options = [one for one in match.group(1).split() if _HARMLESS.match(one)] if match else []
        words = (match.group(2) if match else line[3:]).split()
        if line[:3] == "deb" and line[3:4].isspace() and words and _FROM_SERVER.match(words[0]):
            kept.append(" ".join(["deb", *([f"[{' '.join(options)}]"] if options else []), *words]))
    return "".join(f"{line}\n" for line in kept)


def stanzas(text: str) -> str:
    """The same for deb822 sources."""
    kept = []
    for block in re.split(r"\n[ \t]*\n", text):
        fields: list[tuple[str, list[str]]] = []
        for line in block.splitlines():
            if line[:1] in (" ", "\t") and fields:
                fields[-1][1].append(line)
            elif ":" in line and not line.startswith("#"):
                fields.append((line.partition(":")[0].strip().lower(), [line]))
        found = {name: "\n".join(lines) for name, lines in fields if _FIELDS.match(name)}
        servers = found.get("uris", "").partition(":")[2].split()
        if servers and all(map(_FROM_SERVER.match, servers)):
            kept.append("\n".join(found.values()))
    return "".join(f"{stanza}\n\n" for stanza in kept)


def _copy(tree: Tree, source: str, target: Path) -> None:
    """A file, or the files of a folder, of the guest; through the tree, so that no link escapes."""
    if tree.is_folder(source):
        target.mkdir(exist_ok=True)
        for name in tree.names(source)[:MOST_FILES]:
            data = tree.read(f"{source}/{name}", MOST_BYTES)
            if data is not None:
                (target / name).write_bytes(data)
    elif not target.exists():
        data = tree.read(source, MOST_BYTES)
        if data is not None:
            target.write_bytes(data)


def _last(text: str) -> str:
    """What counts of apt's words: its first error, else its last line."""
    said = text.strip().splitlines()
    errors = [line for line in said if line.startswith("E:")]
    return plain((errors or said[-1:] or ["no reason given"])[0])
