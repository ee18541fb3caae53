"""What a server tells of a boot, as the objects that it was made of: diagnosis, reports, plans."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from lifebuoy.client.server import Found, Server
from lifebuoy.client.shapes import understood
from lifebuoy.doctor import report as reports
from lifebuoy.doctor.bootlog import Sign, Verdict
from lifebuoy.doctor.evidence import Evidence, Place
from lifebuoy.doctor.patterns import Pattern
from lifebuoy.doctor.report import Plan, Report
from lifebuoy.doctor.screen import Screen, ScreenState
from lifebuoy.errors import LifebuoyError, TimedOut
from lifebuoy.operations.diagnosis import Diagnosis, ScreenFound, ScreenLook
from lifebuoy.operations.failures import restored

_LOOK_S: Final = 0.5
#: What the doctor may need beyond the time that it is given, to be started and to answer.
_GRACE_S: Final = 60.0


def diagnosis(server: Server, found: Found) -> Diagnosis:
    """Why an instance did not boot, by what it said.

    Raises:
        NotAllowed: it is in rescue mode.
        NotFound: there is nothing to read, and why.
    """
    told = server.link.get(f"{found.path}/diagnose")
    with understood():
        screen = told["screen"]
        look = ScreenLook(
            ScreenFound(screen["state"]),
            Screen(
                ScreenState.TEXT if screen["lines"] else ScreenState.BLANK,
                screen["width"],
                screen["height"],
                screen["font"],
                "\n".join(screen["lines"]),
            ),
            screen["why"],
        )
        return Diagnosis(told["file"], look, _evidence(told))


def self_check(
    server: Server,
    found: Found,
    seconds: float,
    passphrase: bytes,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Have the doctor look at the disks of an instance in rescue mode.

    Raises:
        NotAllowed: it is not in rescue mode.
        TimedOut: there is no report within ``seconds`` and some more.
        LifebuoyError: why it came to nothing.
    """
    path = f"{found.path}/doctor"
    told = server.link.send("POST", path, body(seconds, passphrase))
    deadline = clock() + seconds + _GRACE_S
    with understood():
        while told["under_way"]:
            if clock() > deadline:
                raise TimedOut(f"the self-check of '{found.name}' has not ended")
            time.sleep(_LOOK_S)
            told = server.link.get(path)
        if told["error"] is not None:
            raise _error(told["error"])
        return _report(told["report"], found.name)


def latest(server: Server, found: Found) -> Report | None:
    """The newest report of an instance that the server has; None where it has none."""
    told = server.link.get(f"{found.path}/doctor")
    with understood():
        return _report(told["report"], found.name) if told["report"] else None


def plan(told: Mapping[str, Any], name: str) -> Plan:
    """What a repair would change, of what docs/schema/repair-dry-run.json tells."""
    with understood():
        facts = {"schema": 1, "difference": told["difference"], "packages": told["packages"]}
    return reports.parse_plan(json.dumps(facts).encode(), name)


def body(seconds: float, passphrase: bytes, **more: object) -> dict[str, Any]:
    """What is asked of the doctor, as the REST API takes it."""
    given = passphrase.decode("utf-8", "surrogateescape") if passphrase else None
    return {"timeout_s": seconds, "passphrase": given, **more}


def _report(told: Mapping[str, Any], name: str) -> Report:
    """Taken in as strictly as from the guest, which has a say in it."""
    return reports.parse(json.dumps(told).encode(), name)


def _error(told: Mapping[str, Any]) -> LifebuoyError:
    return restored({"safe": "", "hint": "", "step": "", "cause": None, **told})


def _evidence(told: Mapping[str, Any]) -> Evidence:
    """The evidence with what each place said, as far as it is told."""
    cause = told["cause"] and _cause(told["cause"])
    said = {Place.SERIAL: told["file"] is not None, Place.SCREEN: bool(told["screen"]["lines"])}
    verdicts = {
        place: Verdict(
            cause=None,
            signs=tuple(_sign(one) for one in told["signs"] if place in one["seen_on"]),
            reached_login=place in told["login_seen_on"],
            last_line=told["last_line"],
        )
        for place, spoke in said.items()
        if spoke
    }
    return Evidence(cause, told["reached_login"], verdicts)


def _cause(told: Mapping[str, Any]) -> Sign:
    pattern = Pattern(told["id"], told["link"], "", told["means"], told["then"])
    return Sign(pattern, told["line"], 0)


def _sign(told: Mapping[str, Any]) -> Sign:
    return Sign(Pattern(told["id"], "", "", ""), told["line"], 0)
