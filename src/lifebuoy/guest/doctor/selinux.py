"""Labels for what a repair makes: the rescue system gives none, and SELinux then denies access.

A file that is rewritten keeps its label. For what is new, the system is asked to label all its
files at its next start, which takes minutes and one more restart: selinux(8), fixfiles(8).
"""

from __future__ import annotations

import re
from dataclasses import replace

from .change import Change, FromPackage, MakeFolder, MakeLink, PutFile, Relabel, RunOutside
from .model import Finding
from .patient import Patient

CONFIG = "/etc/selinux/config"
MARK = "/.autorelabel"


def in_use(patient: Patient) -> bool:
    """Whether this system labels its files, also where it only complains."""
    if patient.tree is None:
        return False
    text = patient.tree.text(CONFIG, 65536) or ""
    found = re.findall(r"^\s*SELINUX\s*=\s*(\w+)", text, re.MULTILINE)
    return found[-1:] in (["enforcing"], ["permissive"])


def with_labels(patient: Patient, finding: Finding) -> Finding:
    """The finding, its repair followed by a relabelling where that is needed."""
    repair = finding.repair
    if repair is None or not in_use(patient) or patient.files.exists(MARK):
        return finding
    if not any(_makes_something(patient, change) for change in repair.changes):
        return finding
    return replace(finding, repair=replace(repair, changes=(*repair.changes, Relabel(MARK))))


def _makes_something(patient: Patient, change: Change) -> bool:
    if isinstance(change, PutFile):
        esp = patient.esp_folder  # FAT has no labels
        below = bool(esp) and change.path.startswith(f"{esp}/")
        return not below and not patient.files.is_file(change.path)
    return isinstance(change, (FromPackage, MakeFolder, MakeLink, RunOutside))
