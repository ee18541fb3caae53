"""Calls the doctor in a rescue system, through the guest agent, and takes in what it says.

What it prints goes into files there and is read from them within a limit, as captured output
beyond a few MiB ends the agent. One doctor works at a time, also where a caller died meanwhile:
the next one waits for it. It is ended by the rescue system itself when its time is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from lifebuoy.doctor.report import (
    MOST_BYTES,
    Plan,
    Report,
    escaped,
    parse,
    parse_plan,
    parse_runs,
    unusable,
)
from lifebuoy.errors import (
    AgentUnavailable,
    BadInput,
    Busy,
    DoctorFailed,
    HostTrouble,
    LifebuoyError,
    NoDoctor,
    TimedOut,
)
from lifebuoy.hypervisor import Agent

#: how long a doctor that does not end gets, as an examination and as a repair with its downloads
EXAMINE_S: Final = 900.0
REPAIR_S: Final = 1800.0
_KILL_S: Final = 10
_MARGIN_S: Final = 30.0
_MOST_PLAN: Final = 2 << 20
_MOST_WORDS: Final = 1 << 20
#: 1: something stops the boot; where that is not asked, it is what a crash ends with
_SAID: Final = frozenset({0, 1})
_DONE: Final = frozenset({0})
_NO_MEDIUM, _NO_DOCTOR, _AT_WORK, _LATE, _KILLED = 66, 69, 75, 124, 137
#: $1: where its output goes, $2: seconds; then what the doctor is told
_SCRIPT: Final = f"""
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
[ -x /usr/sbin/doctor ] || exit {_NO_DOCTOR}
umask 077
folder=$1 seconds=$2
shift 2
mkdir -p "$folder" && exec >"$folder/out" 2>"$folder/err" || exit 1
exec flock --no-fork --timeout "$seconds" --conflict-exit-code {_AT_WORK} /run/lifebuoy-doctor \\
  timeout --kill-after={_KILL_S} "$seconds" /usr/sbin/doctor "$@"
"""
#: $1: the digest of the medium's head, $2: that head's bytes, $3: how many ISOs lie on it, $4:
#: where to mount it, $5: the script above; then what that gets. It runs with mounts of its own, so
#: that nothing stays mounted however it ends. The medium is found by what is on it, as an owner's
#: ISO has any label; a drive shows a new one a moment later.
_WITH_PACKAGES: Final = f"""
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
digest=$1 bytes=$2 inner=$3 place=$4 script=$5
shift 5
there() {{
  for device in /dev/sr[0-9]*; do
    seen=$(head -c "$bytes" "$device" 2>/dev/null | sha256sum)
    [ "${{seen%% *}}" = "$digest" ] && return
  done
  return 1
}}
tries=20
until there; do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || exit {_NO_MEDIUM}
  sleep 0.25
done
options=ro,nodev,nosuid,noexec
umask 077
mkdir -p "$place" && mount -t iso9660 -o $options "$device" "$place" || exit {_NO_MEDIUM}
set -- "$@" --packages "$place"
number=0
while [ $number -lt "$inner" ]; do
  number=$((number + 1))
  mkdir -p "$place-$number"
  mount -t iso9660 -o loop,$options "$place/$number.iso" "$place-$number" || exit {_NO_MEDIUM}
  set -- "$@" --packages "$place-$number"
done
exec /bin/sh -c "$script" doctor "$@"
"""


@dataclass(frozen=True, slots=True)
class Medium:
    """Packages in a drive: the SHA-256 of its first ``head_bytes``, and how many ISOs lie on it."""

    head_sha256: str
    head_bytes: int
    inner: int = 0


@dataclass(frozen=True, slots=True)
class Doctor:
    """The doctor in the rescue system of the instance ``name``. ``seconds`` is for each call.

    It takes files from the packages on the ``medium``, too, and ``offline`` downloads none.
    ``passphrase`` opens its encrypted disks; it goes in by standard input alone.
    """

    agent: Agent
    name: str
    passphrase: bytes = field(default=b"", repr=False)
    medium: Medium | None = None
    offline: bool = False

    def examine(self, seconds: float = EXAMINE_S) -> Report:
        """What it finds; nothing is changed.

        Raises:
            NoDoctor: the rescue system has none.
            GuestReportUnusable, DoctorFailed, TimedOut, AgentUnavailable.
        """
        return parse(self._ask(["--json"], seconds), self.name)

    def mend(self, run: str, only: Sequence[str], seconds: float = REPAIR_S) -> Report:
        """Mend the findings of these ids in the repair ``run``; what is left of these alone."""
        chosen = ["--brief", "--only", ",".join(only)]
        chosen += ["--offline"] if self.offline else []
        asked = ["--repair", "--json", "--run", run, *chosen]
        found = parse(self._ask(asked, seconds, medium=self.medium), self.name)
        if found.done is None or found.done.run != run:
            raise unusable(self.name, "it does not say what was mended")
        return found

    def plan(self, only: Sequence[str] = (), seconds: float = EXAMINE_S) -> Plan:
        """What a repair would change and where packages would come from; nothing is changed."""
        chosen = ["--only", ",".join(only)] if only else []
        chosen += ["--offline"] if self.offline else []
        asked = ["--dry-run", "--json", *chosen]
        return parse_plan(self._ask(asked, seconds, most=_MOST_PLAN, good=_DONE), self.name)

    def runs(self, seconds: float = EXAMINE_S) -> tuple[str, ...]:
        """The repairs that can be taken back, oldest first."""
        return parse_runs(self._ask(["--undo", "--dry-run", "--json"], seconds), self.name)

    def take_back(self, run: str, seconds: float = REPAIR_S) -> None:
        """Put everything back that the repair ``run`` replaced."""
        self._ask(["--undo", "--run", run], seconds, good=_DONE)

    def _ask(
        self,
        arguments: Sequence[str],
        seconds: float,
        *,
        most: int = MOST_BYTES,
        good: frozenset[int] = _SAID,
        medium: Medium | None = None,
    ) -> bytes:
        """What it prints; at most ``most`` bytes. Raises unless it ends with a ``good`` status."""
        folder = PurePosixPath("/run") / f"lifebuoy-doctor-{secrets.token_hex(6)}"
        whole = str(max(1, round(seconds)))
        given = self.passphrase + b"\n" if self.passphrase else b""
        more = ["--passphrase-stdin"] if given else []
        try:
            done = self.agent.run(
                [*_command(medium, folder), str(folder), whole, *more, *arguments],
                stdin=given,
                timeout_s=2 * seconds + _KILL_S + _MARGIN_S,
            )
            if done.status not in good:
                raise self._failed(done.status, self._words(folder), seconds)
            try:
                return self.agent.read_file(str(folder / "out"), most=most)
            except BadInput as error:
                raise unusable(self.name, f"it is longer than {most >> 20} MiB") from error
        finally:
            with suppress(HostTrouble):
                self.agent.run(["/bin/rm", "-rf", str(folder)], timeout_s=_KILL_S)

    def _words(self, folder: PurePosixPath) -> str:
        """The last that it said on standard error."""
        try:
            raw = self.agent.read_file(str(folder / "err"), most=_MOST_WORDS)
        except (AgentUnavailable, BadInput, TimedOut):
            return ""
        lines = [line for line in raw.decode(errors="replace").splitlines() if line.strip()]
        return escaped("; ".join(lines[-3:]))[-500:]

    def _failed(self, status: int, words: str, seconds: float) -> LifebuoyError:
        where = f"the rescue system of '{self.name}'"
        again = "log in and see what it waits for: `doctor`; or leave and enter again"
        if status == _NO_DOCTOR:
            return NoDoctor(
                f"{where} has no doctor; it was started from an owner's image or an old one",
                hint="leave, and enter with the image of Lifebuoy",
            )
        if status == _NO_MEDIUM:
            return DoctorFailed(f"the packages cannot be read in {where}", hint=_TRY_BY_HAND)
        if status == _AT_WORK:
            return Busy(f"another doctor is at work in {where}", hint="wait until it is done")
        if status in {_LATE, _KILLED, -9, -15}:
            return TimedOut(
                f"the doctor in {where} was not done within {seconds:g} s and was ended",
                hint=again,
            )
        told = words.removeprefix("doctor: ") or f"it ended with status {status}"
        return DoctorFailed(f"the doctor in {where} gave up: {told}", hint=again)


_TRY_BY_HAND: Final = (
    "see there whether the ISO can be mounted (/dev/sr0, /dev/sr1, ...); or copy the packages "
    "there (scp) and run: doctor --repair --packages DIR"
)


def _command(medium: Medium | None, folder: PurePosixPath) -> list[str]:
    """What is run; the folder for its output, the seconds and the doctor's arguments follow."""
    if medium is None:
        return ["/bin/sh", "-c", _SCRIPT, "doctor"]
    facts = [medium.head_sha256, str(medium.head_bytes), str(medium.inner)]
    apart = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", _WITH_PACKAGES, "doctor"]
    return [*apart, *facts, f"{folder}/packages", _SCRIPT]
