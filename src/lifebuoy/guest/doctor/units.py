"""systemd's units as they lie on the disk: which file counts, what is masked, what is enabled."""

from __future__ import annotations

from .tree import Tree

FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


def present(tree: Tree) -> bool:
    """Whether systemd is this system's init."""
    return tree.is_folder("/usr/lib/systemd/system") or tree.is_folder("/lib/systemd/system")


def masked_at(tree: Tree, unit: str) -> str:
    """The path that masks the unit; empty where it is not masked."""
    for folder in FOLDERS:
        path = f"{folder}/{unit}"
        if tree.link(path) == "/dev/null":
            return path
        found = tree.stat(path)
        if found is not None:
            return path if found.st_size == 0 and folder.startswith("/etc") else ""
        if tree.lstat(path) is not None:
            return ""  # a link that leads nowhere is not a mask
    return ""


def found(tree: Tree, unit: str) -> str:
    """The file that counts for the unit; empty where there is none."""
    return next((f"{one}/{unit}" for one in FOLDERS if tree.exists(f"{one}/{unit}")), "")


def wanted_by_any(tree: Tree, unit: str) -> bool:
    """Whether some unit pulls this one in, by a link that the owner or a package made."""
    for folder in FOLDERS:
        for name in tree.names(folder):
            if name.endswith((".wants", ".requires", ".upholds")):
                path = f"{folder}/{name}/{unit}"
                if tree.lstat(path) is not None:
                    return True
    return False
