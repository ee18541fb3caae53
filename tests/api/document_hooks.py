"""What schemathesis knows of this server beside its document; see test_document.py."""

from __future__ import annotations

import os
from typing import Any, Final

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response

#: Accounts and keys with which it is tried: what would end one is turned away from it, as all later
#: requests would be nobody's.
KEPT: Final = frozenset(os.environ.get("LIFEBUOY_TEST_KEPT", "").split())


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Lists tell of a host without a name as "", paths as "-": an address with nothing in between
    would be that of another call."""
    if case.path_parameters.get("host") == "":
        case.path_parameters["host"] = "-"


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Has nobody's taken away instead of what it is tried with; instances may be given and taken.

    Not left out: of accounts there are few others, and it gives up where it finds too few.
    """
    if case.method != "GET" and "/instances/" not in case.operation.path:
        for name, value in case.path_parameters.items():
            if str(value) in KEPT:
                case.path_parameters[name] = "nobody" if name == "name" else "00"
    return case


@schemathesis.check
def understood_as_documented(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """A request that follows the document may be refused for what it means, never for its form."""
    meta = case.meta
    if response.status_code == 422 and meta and meta.generation.mode is GenerationMode.POSITIVE:
        wrong = response.json().get("errors")
        assert not wrong, f"refused though it follows the document: {wrong}"
    return None
