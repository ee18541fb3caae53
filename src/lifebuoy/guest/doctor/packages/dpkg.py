"""dpkg's database on the guest's disk: packages, their files and the sums of these. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..patient import Patient
from ..tree import Tree

ADMIN = "/var/lib/dpkg"
INFO = f"{ADMIN}/info"
MOST_STATUS = 32 << 20
MOST_PARAGRAPHS = 50_000
_MERGED = ("bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/")
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

    @property
    def installed(self) -> bool:
        """Whether its files should be there."""
        return self.status.split()[-1:] == ["installed"]


def canonical(path: str) -> str:
    """The one name of a path on a system whose /bin, /sbin and /lib lead into /usr."""
    inner = path.lstrip("/")
    if inner.startswith("./"):
        inner = inner[2:]
    return f"/usr/{inner}" if inner.startswith(_MERGED) else f"/{inner}"


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


def sums_of(text: str) -> dict[str, str]:
    """Canonical path -> MD5, as a package's md5sums has them."""
    found = {}
    for line in text.split("\n"):
        match = _SUM.match(line)
        if match:
            found[canonical(match.group(2))] = match.group(1)
    return found


class Database:
    """The guest's database, read once; what is missing in it reads as empty."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._text = tree.text(f"{ADMIN}/status", MOST_STATUS) or ""
        self.packages = {one.name: one for one in packages_of(self._text) if one.installed}
        if not self.packages:
            old = tree.text(f"{ADMIN}/status-old", MOST_STATUS) or ""
            self.packages = {one.name: one for one in packages_of(old) if one.installed}
        self._info = set(tree.names(INFO))
        self._owner: dict[str, str] = {}
        self._sums: dict[str, dict[str, str]] = {}

    @property
    def present(self) -> bool:
        """Whether this system is of dpkg's family at all."""
        return bool(self._info)

    def _file(self, package: str, suffix: str) -> str | None:
        known = self.packages.get(package)
        architecture = f":{known.architecture}" if known else ""
        for name in (f"{package}{architecture}.{suffix}", f"{package}.{suffix}"):
            if name in self._info:
                return self._tree.text(f"{INFO}/{name}", 16 << 20)
        return None

    def files(self, package: str) -> list[str]:
        """Every path of the package, folders and links too, canonical."""
        text = self._file(package, "list") or ""
        return [
            canonical(line) for line in text.split("\n") if line.startswith("/") and line != "/."
        ]

    def sums(self, package: str) -> dict[str, str]:
        """The MD5 sums of the package's regular files, but for those that its owner may edit."""
        if package not in self._sums:
            self._sums[package] = sums_of(self._file(package, "md5sums") or "")
        return self._sums[package]

    def packaged(self, package: str) -> dict[str, str]:
        """The MD5 sums that its files had in the package, also those that its owner may edit."""
        known = self.packages[package].conffiles.items()
        edited = {canonical(path): digest for path, digest in known if _DIGEST.match(digest)}
        return {**edited, **self.sums(package)}

    def has_list(self, package: str) -> bool:
        """Whether the database knows the files of this package."""
        return self._file(package, "list") is not None

    def owner(self, path: str) -> Package | None:
        """The package that a path belongs to."""
        if not self._owner:
            for name in self.packages:
                for one in self.files(name):
                    self._owner.setdefault(one, name)
        home = self._owner.get(canonical(path))
        return self.packages.get(home) if home else None


def database(patient: Patient) -> Database | None:
    """The patient's database, read once; None on systems of another family."""
    if "dpkg" not in patient.cache:
        patient.cache["dpkg"] = Database(patient.files)
    found = patient.cache["dpkg"]
    assert isinstance(found, Database)
    return found if found.present else None
