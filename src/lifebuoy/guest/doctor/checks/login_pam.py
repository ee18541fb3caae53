"""PAM: the files of login are missing, or name modules that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import Change, PutFile
from ..formats import pam
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..packages import dpkg
from ..patient import Patient
from ..restoring import from_packages

ID = "login-pam"
LINK = Link.LOGIN
TITLE = "PAM's files for login and SSH are there, and the modules they name too"
READS = "/etc/pam.d, the folders of PAM's modules"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS
_SERVICES = ("login", "sshd", "su", "systemd-user", "other")
#: the owner's, then the packages'
_PLACES = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d")
_COMMON = ("common-auth", "common-account", "common-password", "common-session")
_FOLDERS = (
    "/lib/x86_64-linux-gnu/security",
    "/lib/aarch64-linux-gnu/security",
    "/usr/lib/x86_64-linux-gnu/security",
    "/lib64/security",
    "/usr/lib64/security",
    "/lib/security",
    "/usr/lib/security",
)
#: Debian's, as pam-auth-update writes them for local accounts alone
_DEFAULTS = {
    "common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\n"
    "auth requisite pam_deny.so\nauth required pam_permit.so\n",
    "common-account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
    "account requisite pam_deny.so\naccount required pam_permit.so\n",
    "common-password": "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n"
    "password requisite pam_deny.so\npassword required pam_permit.so\n",
    "common-session": "session [default=1] pam_permit.so\nsession requisite pam_deny.so\n"
    "session required pam_permit.so\nsession required pam_unix.so\n"
    "-session optional pam_systemd.so\n",
    "common-session-noninteractive": "session [default=1] pam_permit.so\n"
    "session requisite pam_deny.so\nsession required pam_permit.so\nsession required pam_unix.so\n",
}


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for missing files, and one for missing modules."""
    tree = patient.files
    if not any(tree.is_folder(folder) for folder in _FOLDERS) or not tree.exists("/bin/login"):
        return  # a system without PAM, or with a base so broken that this is not its first fault
    if (tree.resolve("/bin/login") or "").endswith("/busybox"):
        return  # its login knows no PAM
    missing = _missing_files(patient)
    if missing:
        yield _files(patient, missing)
    lost: dict[str, tuple[str, pam.Rule]] = {}
    for service in ("login", "sshd"):
        for path, rule in _rules(patient, service):
            if _is_needed(rule) and not _has_module(patient, rule.module):
                lost.setdefault(rule.module, (path, rule))
    for module, (path, rule) in lost.items():
        yield _module(patient, module, path, rule)


def _is_needed(rule: pam.Rule) -> bool:
    """Whether logins fail without the module: PAM goes on after one that would have sufficed."""
    if rule.include or rule.optional:
        return False
    return rule.control != "sufficient" or rule.module.endswith("pam_unix.so")


def _missing_files(patient: Patient) -> list[str]:
    tree = patient.files
    wanted = ["login"] if tree.exists("/bin/login") else []
    if tree.exists("/usr/sbin/sshd"):
        wanted.append("sshd")
    if patient.distribution.common_pam:
        wanted += _COMMON
    for service in ("login", "sshd"):
        wanted += [rule.module for _, rule in _rules(patient, service) if rule.include]
    names = list(dict.fromkeys(wanted))
    return [one for one in names if not _is_there(patient, one)]


def _is_there(patient: Patient, name: str) -> bool:
    for folder in _PLACES:
        found = patient.files.stat(f"{folder}/{name}")
        if found is not None and found.st_size:
            return True
    return False


def _rules(patient: Patient, service: str) -> Iterator[tuple[str, pam.Rule]]:
    pending, seen = [service], {""}
    while pending and len(seen) < 50:
        name = pending.pop()
        if name in seen or "/" in name:
            continue
        seen.add(name)
        path = next(
            (f"{one}/{name}" for one in _PLACES if patient.files.exists(f"{one}/{name}")),
            f"/etc/pam.d/{name}",
        )
        for rule in pam.parse(patient.files.text(path, 1 << 18) or ""):
            yield path, rule
            if rule.include:
                pending.append(rule.module)


def _has_module(patient: Patient, name: str) -> bool:
    if name.startswith("/"):
        return patient.files.is_file(name)
    name = name.replace("$ISA/", "")
    return any(patient.files.is_file(f"{folder}/{name}") for folder in _FOLDERS)


def _files(patient: Patient, missing: list[str]) -> Finding:
    changes: list[Change] = []
    packaged = []
    for name in missing:
        if name in _DEFAULTS and patient.distribution.common_pam:
            text = f"# by Lifebuoy's doctor; pam-auth-update writes it anew\n{_DEFAULTS[name]}"
            changes.append(PutFile(f"/etc/pam.d/{name}", text.encode()))
        else:
            packaged.append(f"/etc/pam.d/{name}")
    restored = from_packages(patient, packaged) if packaged else None
    if restored is not None:
        changes += restored.changes
    whole = not packaged or restored is not None
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"PAM's file /etc/pam.d/{missing[0]} is missing or empty",
        "Nobody can log in: what has no file of its own is refused.",
        tuple(Evidence(f"/etc/pam.d/{name}", "a file", "missing or empty") for name in missing),
        Repair("put the files back", tuple(changes)) if changes and whole else None,
        (patient.distribution.commands.pam,),
    )


def _module(patient: Patient, module: str, path: str, rule: pam.Rule) -> Finding:
    database = dpkg.database(patient)
    name = module.rpartition("/")[2]
    homes = [
        one
        for package in (database.packages if database else ())
        if database is not None
        for one in database.files(package)
        if one.endswith(f"/security/{name}")
    ]
    repair = from_packages(patient, homes) if homes else None
    if repair is None:
        lines = (patient.files.text(path) or "").split("\n")
        kept = [
            f"# disabled by Lifebuoy's doctor, no such module: {line}"
            if line.split("#")[0].split()[-1:] and module in line.split("#")[0].split()
            else line
            for line in lines
        ]
        data = "\n".join(kept).encode("utf-8", "surrogateescape")
        repair = Repair(f"leave the line out of {path}", (PutFile(path, data, beside=True),))
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"{path} names the PAM module {module}, which is not there",
        "Every login runs into it and is refused.",
        (Evidence(f"{path} line {rule.number}", "a module that exists", module),),
        repair,
        (
            f"reinstall the package of {module}, or take the line out of {path}",
            *patient.distribution.put_back(homes[0] if homes else module),
        ),
    )
