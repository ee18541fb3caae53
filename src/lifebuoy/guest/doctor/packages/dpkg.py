"""dpkg's database on the guest's disk: packages, their files and the sums of these. Reads only."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..patient import Patient
from ..tree import Tree
from ..usr import Usr, canonical, other, shape

ADMIN = "/var/lib/dpkg"
INFO = f"{ADMIN}/info"
MOST_STATUS = 32 << 20
MOST_PARAGRAPHS = 50_000
MOST_RULES = 1000
_RULE = re.compile(r"^path-(include|exclude)[= ][ \t]*(\S{1,500})\s*$")
_SUM = re.compile(r"^([0-9a-f]{32})  (.+)$")
_DIGEST = re.compile(r"^[0-9a-f]{32}$")


@dataclass(frozen=True)
class Package:
    """An installed package; ``conffiles`` are the paths that its owner may edit, with the MD5 sums
    that they had in it.
    """

    name: str
    version: str
    architecture: str
    essential: bool = False
    priority: str = ""
    multi_arch: str = ""
    status: str = ""
    conffiles: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False

    @property
    def key(self) -> str:
        """What it is called in the database: other architectures may have it, too."""
        return f"{self.name}:{self.architecture}" if self.foreign else self.name

    @property
    def installed(self) -> bool:
        """Whether its files should be there."""
        return self.status.split()[-1:] == ["installed"]


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a control file, field names in lower case."""
    for number, block in enumerate(text.split("\n\n")):
        if number >= MOST_PARAGRAPHS:
            return
        fields: dict[str, list[str]] = {}
        name = ""
        for line in block.split("\n"):
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name].append(line)
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.lower()
                fields[name] = [value.strip()]
        if fields:
            yield {name: "\n".join(lines) for name, lines in fields.items()}


def packages_of(text: str) -> list[Package]:
    """The packages that a status file names."""
    found = []
    for fields in paragraphs(text):
        if "package" not in fields or "version" not in fields:
            continue
        conffiles = {
            line.split()[0]: (line.split()[1:] or [""])[0]
            for line in fields.get("conffiles", "").split("\n")
            if line.strip().startswith("/")
        }
        found.append(
            Package(
                fields["package"],
                fields["version"],
                fields.get("architecture", ""),
                fields.get("essential") == "yes",
                fields.get("priority", ""),
                fields.get("multi-arch", ""),
                fields.get("status", ""),
                conffiles,
            )
        )
    return found


def with_foreign(packages: list[Package]) -> list[Package]:
    """The same, those of another architecture than dpkg's own marked."""
    own = next((one.architecture for one in packages if one.name == "dpkg"), "")
    return [
        replace(one, foreign=True) if own and one.architecture not in (own, "all", "") else one
        for one in packages
    ]


def diversions_of(text: str, usr: Usr = Usr.MERGED) -> dict[str, str]:
    """Canonical path -> the package that diverts it, ":" for the owner; lines come in threes."""
    lines = text.split("\n")
    return {canonical(lines[at], usr): lines[at + 2] for at in range(0, len(lines) - 2, 3)}


@dataclass(frozen=True)
class Override:
    """Owner, group (names, or "#" and a number) and mode that the owner gave a path."""

    user: str
    group: str
    mode: int


def overrides_of(text: str, usr: Usr = Usr.MERGED) -> dict[str, Override]:
    """Canonical path -> what dpkg-statoverride has for it."""
    found = {}
    for line in text.split("\n"):
        fields = line.split(None, 3)
        if len(fields) == 4 and fields[2].isdigit() and set(fields[2]) <= set("01234567"):
            override = Override(fields[0], fields[1], int(fields[2][-4:], 8))
            found[canonical(fields[3], usr)] = override
    return found


def left_out_by(text: str, usr: Usr = Usr.MERGED) -> list[tuple[re.Pattern[str], bool]]:
    """The patterns of a dpkg.cfg for canonical paths, True where they leave files out."""
    found: list[tuple[re.Pattern[str], bool]] = []
    for line in text.split("\n"):
        match = _RULE.match(line) if len(found) < MOST_RULES else None
        if match is not None:
            with suppress(re.error):  # some ranges in brackets, on older Pythons
                pattern = fnmatch.translate(canonical(match[2].strip("\"'"), usr))
                found.append((re.compile(pattern), match[1] == "exclude"))
    return found


def sums_of(text: str, usr: Usr = Usr.MERGED) -> dict[str, str]:
    """Canonical path -> MD5, as a package's md5sums has them."""
    found = {}
    for line in text.split("\n"):
        match = _SUM.match(line)
        if match:
            found[canonical(match.group(2), usr)] = match.group(1)
    return found


class Database:
    """The guest's database, read once; what is missing in it reads as empty."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        #: by which paths are called as ``usr.canonical`` does
        self.usr = shape(tree)
        #: by ``Package.key``
        self.packages = self._read("status") or self._read("status-old")
        self._info = set(tree.names(INFO))
        self._owner: dict[str, str] = {}
        self._files: dict[str, list[str]] = {}
        self._sums: dict[str, dict[str, str]] = {}
        self._diversions = diversions_of(tree.text(f"{ADMIN}/diversions", 1 << 20) or "", self.usr)
        self.overrides = overrides_of(tree.text(f"{ADMIN}/statoverride", 1 << 20) or "", self.usr)

    def _read(self, name: str) -> dict[str, Package]:
        found = packages_of(self._tree.text(f"{ADMIN}/{name}", MOST_STATUS) or "")
        return {one.key: one for one in with_foreign(found) if one.installed}

    @property
    def present(self) -> bool:
        """Whether this system is of dpkg's family at all."""
        return bool(self._info)

    def _file(self, package: str, suffix: str) -> str | None:
        known = self.packages.get(package)
        full = f"{known.name}:{known.architecture}" if known else package
        for name in (f"{full}.{suffix}", f"{package}.{suffix}"):
            if name in self._info:
                return self._tree.text(f"{INFO}/{name}", 16 << 20)
        return None

    def files(self, package: str) -> list[str]:
        """Every path of the package, folders and links too, canonical."""
        if package not in self._files:
            lines = (self._file(package, "list") or "").split("\n")
            self._files[package] = [
                line if line.startswith("/usr/") else canonical(line, self.usr)
                for line in lines
                if line.startswith("/") and line != "/."
            ]
        return self._files[package]

    def sums(self, package: str) -> dict[str, str]:
        """The MD5 sums of the package's regular files, but for those that its owner may edit."""
        if package not in self._sums:
            self._sums[package] = sums_of(self._file(package, "md5sums") or "", self.usr)
        return self._sums[package]

    def diverted(self, path: str, package: str) -> bool:
        """Whether this file of the package lies elsewhere, by another package or the owner."""
        by = self._diversions.get(path)
        return by is not None and by != self.packages[package].name

    def packaged(self, package: str) -> dict[str, str]:
        """The MD5 sums that its files had in the package, also those that its owner may edit."""
        known = self.packages[package].conffiles.items()
        edited = {self.canonical(path): digest for path, digest in known if _DIGEST.match(digest)}
        return {**edited, **self.sums(package)}

    def has_list(self, package: str) -> bool:
        """Whether the database knows the files of this package."""
        return self._file(package, "list") is not None

    def canonical(self, path: str) -> str:
        """The name of a path in this database."""
        return canonical(path, self.usr)

    def known(self, path: str) -> str:
        """The same, also of a path that is called as on a system of the other shape."""
        if not self._owner:
            for name in reversed(self.packages):  # the first one counts
                self._owner.update(dict.fromkeys(self.files(name), name))
        found = self.canonical(path)
        return other(found) if found not in self._owner and other(found) in self._owner else found

    def owner(self, path: str) -> Package | None:
        """The package that a path belongs to."""
        known = self.known(path)
        home = self._owner.get(known)
        return self.packages.get(home) if home else None


def database(patient: Patient) -> Database | None:
    """The patient's database, read once; None on systems of another family."""
    if "dpkg" not in patient.cache:
        patient.cache["dpkg"] = Database(patient.files)
    found = patient.cache["dpkg"]
    assert isinstance(found, Database)
    return found if found.present else None
