"""Opening libvirt: which URI, and what the embedded driver needs first. Not its use."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import libvirt

from lifebuoy.errors import BadInput, Busy, CannotConnect, NoSpace
from lifebuoy.hypervisor import tls
from lifebuoy.hypervisor.eventloop import start_event_loop
from lifebuoy.hypervisor.host import Host
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.translation import message
from lifebuoy.hypervisor.uri import UriFacts, embedded_uri, facts

SYSTEM_URI: Final = "qemu:///system"
SESSION_URI: Final = "qemu:///session"
EMBED: Final = "embed"
_HALF_STARTED: Final = re.compile(rb"<domstatus [^>]*\bpid='0'")
_NOTE_MARGIN_BYTES: Final = 16 << 10
_SESSION_DAEMONS: Final = ("virtqemud", "libvirtd")
#: Roots that this process has, until it ends. Their driver.pid must not even be read here: libvirt
#: holds it by a lock of fcntl(2), which goes when the process closes any descriptor of that file.
_OPENED: Final[set[Path]] = set()


def connect(uri: str | None, *, state_dir: Path, name: str = "", pool: str = "") -> Host:
    """Open the host at ``uri``; without one, the first that answers.

    ``name`` is what its user calls it, ``pool`` the storage pool for our media there; may be "".

    Tried are ``qemu:///system``, for an ordinary user ``qemu:///session``, and the embedded
    driver below ``state_dir``; the uri ``embed`` asks for the last.

    Raises:
        CannotConnect: no libvirt there.
        Busy: another process has the embedded driver open.
        NoSpace: the embedded driver would end running machines, as their disk is full.
        BadInput: not a URI, or a folder whose name is too long.
    """
    start_event_loop()
    return Host(_link(uri, state_dir), name=name, pool=pool)


def _link(uri: str | None, state_dir: Path) -> Link:
    if uri is None:
        return _first_answering(state_dir)
    if uri == EMBED:
        return _open_embedded(state_dir / EMBED)
    known = facts(uri)
    if known.is_embedded:
        if known.root is None:
            raise BadInput(f"no folder in '{uri}'", hint="qemu:///embed?root=/path/to/folder")
        return _open_embedded(known.root)
    try:
        return _open(known)
    except libvirt.libvirtError as exc:
        words = message(exc)
        raise CannotConnect(
            f"cannot connect to '{uri}': {words}", hint=_connect_hint(known, words)
        ) from exc


def _first_answering(state_dir: Path) -> Link:
    candidates = [SYSTEM_URI]
    if os.geteuid() != 0 and any(_installed(daemon) for daemon in _SESSION_DAEMONS):
        candidates.append(SESSION_URI)
    for uri in candidates:
        try:
            return _open(facts(uri))
        except libvirt.libvirtError:
            continue  # the next one is the answer to this
    return _open_embedded(state_dir / EMBED)


def _open(known: UriFacts) -> Link:
    return Link(libvirt.open(known.uri), known)


def _open_embedded(root: Path) -> Link:
    uri = embedded_uri(root)
    try:
        _prepare(root)
        if root.resolve() not in _OPENED:
            _forget_half_started(root / "run/qemu")
        _require_room_for_notes(root / "run/qemu")
    except OSError as exc:
        raise CannotConnect(f"cannot use the folder '{root}': {exc.strerror}") from exc
    try:
        link = _open(facts(uri))
    except libvirt.libvirtError as exc:
        words = message(exc)
        if "pid file" in words:
            raise Busy(
                f"another process uses the embedded libvirt in '{root}'",
                hint="it serves one process at a time: wait for the other one, or connect to "
                "qemu:///system or qemu:///session, which serve many",
            ) from exc
        raise CannotConnect(
            f"cannot open the embedded libvirt in '{root}': {words}",
            hint="it needs libvirt's QEMU driver: install libvirt-daemon-driver-qemu "
            "(Debian, Ubuntu) or libvirt-daemon-driver-qemu (Fedora, RHEL)",
        ) from exc
    _OPENED.add(root.resolve())
    return link


def _prepare(root: Path) -> None:
    """Make the folder, and a qemu.conf for a driver without daemons beside it."""
    config = root / "etc" / "qemu.conf"
    config.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    if config.exists():
        return
    # virtlogd is no part of the embedded driver, and confinement profiles know other folders.
    lines = ['stdio_handler = "file"', 'security_driver = "none"']
    if os.geteuid() == 0:
        # Without these libvirt wants a user libvirt-qemu, and gives the files to it.
        lines += ['user = "root"', 'group = "root"', "remember_owner = 0"]
    config.write_text("\n".join(lines) + "\n")


def _forget_half_started(folder: Path) -> None:
    """Remove libvirt's notes of machines whose QEMU has never run, unless somebody is at work.

    libvirt writes the note, with process 0, right before it starts QEMU. Killed just there, it
    waits for that process when it is opened next, as kill(2) has one of that number (it stands for
    the caller's own group), and holds the machine's lock for good: seen with libvirt 9.0.
    """
    with suppress(FileNotFoundError):  # nobody is at work, or ends just now
        if Path("/proc", (folder / "driver.pid").read_text().strip() or "none").exists():
            return
    for note in folder.glob("*.xml"):
        with suppress(FileNotFoundError):
            if _HALF_STARTED.search(note.read_bytes()):
                note.unlink()


def _require_room_for_notes(folder: Path) -> None:
    """Pass if libvirt can write its notes of the machines that run, each anew and then renamed.

    It does so when it is opened, and ends a machine whose note it cannot write: seen with
    libvirt 9.0.

    Raises:
        NoSpace: there is too little room.
    """
    sizes = []
    for note in folder.glob("*.xml"):
        with suppress(FileNotFoundError):
            sizes.append(note.stat().st_size)
    if not sizes:
        return
    found = os.statvfs(folder)
    free = (found.f_bavail if os.geteuid() else found.f_bfree) * found.f_frsize
    needed = max(sizes) + _NOTE_MARGIN_BYTES
    if free < needed:
        raise NoSpace(
            f"the disk of '{folder}' has {free >> 10} KiB free: libvirt needs {needed >> 10} KiB "
            "for its notes there, and would end the running instances without them",
            hint="make room on that disk, then try again",
        )


def _installed(program: str) -> bool:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/libexec"
    return shutil.which(program, path=path) is not None


def _connect_hint(known: UriFacts, words: str) -> str:
    if known.ssh_hop:
        words = shlex.join([*known.ssh_hop.command(), "virsh", "-c", "qemu:///system", "list"])
        return (
            f"check that this works: {words} - it needs an SSH key without a prompt, libvirt on "
            "that host, and membership of its group libvirt"
        )
    if known.transport == "tls":
        return tls.hint(known.uri, words)
    if known.uri == SYSTEM_URI:
        return "start libvirt (systemctl start libvirtd) and be a member of the group libvirt"
    return "check the URI and that libvirt runs there"
