"""A repair that puts files back from their packages, whichever package manager the system has."""

from __future__ import annotations

from collections.abc import Iterable

from .change import FromPackage
from .model import Repair
from .packages import dpkg
from .patient import Patient


def from_packages(patient: Patient, paths: Iterable[str]) -> Repair | None:
    """Puts the paths back; None where one of them belongs to no package that is known."""
    database = dpkg.database(patient)
    if database is None:
        return None
    wanted: dict[str, list[str]] = {}
    for path in paths:
        owner = database.owner(path)
        if owner is None:
            return None
        wanted.setdefault(owner.key, []).append(database.known(path))
    changes = []
    for name, members in wanted.items():
        package, sums = database.packages[name], database.packaged(name)
        digests = {path: sums[path] for path in members if path in sums}
        changes.append(
            FromPackage(
                package.name,
                package.version,
                package.architecture,
                tuple(members),
                digests,
                database.usr,
            )
        )
    if not changes:
        return None
    return Repair(f"put back from {', '.join(sorted(wanted))}", tuple(changes))


def library_paths(patient: Patient, name: str) -> list[str]:
    """Every path of a package that is or leads to the library of this name."""
    database = dpkg.database(patient)
    if database is None:
        return []
    found = [
        path
        for package in database.packages
        for path in database.files(package)
        if path.rpartition("/")[2] == name and "/lib" in path
    ]
    real = []
    for path in found:  # libpam.so.0 is a link to libpam.so.0.85.1, which is missing too
        owner = database.owner(path)
        if owner is None:
            continue
        stem = f"{path}."
        real += [
            one
            for one in database.files(owner.key)
            if one.startswith(stem) and not patient.files.exists(one)
        ]
    return found + real
