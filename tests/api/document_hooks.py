"""What schemathesis knows of this server beside its document; see test_document.py."""

from __future__ import annotations

import os
from typing import Any, Final

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response

#: Accounts and keys with which it is tried: what would end one is left out, as all later requests
#: would be nobody's.
KEPT: Final = frozenset(os.environ.get("LIFEBUOY_TEST_KEPT", "").split())


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Lists tell of a host without a name as "", paths as "-": an address with nothing in between
    would be that of another call."""
    if case.path_parameters.get("host") == "":
        case.path_parameters["host"] = "-"


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Leaves out what would take away what it is tried with; instances may be given and taken."""
    named = {str(value) for value in case.path_parameters.values()}
    return case.method == "GET" or "/instances/" in case.operation.path or not named & KEPT


@schemathesis.check
def understood_as_documented(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """A request that follows the document may be refused for what it means, never for its form."""
    meta = case.meta
    if response.status_code == 422 and meta and meta.generation.mode is GenerationMode.POSITIVE:
        wrong = response.json().get("errors")
        assert not wrong, f"refused though it follows the document: {wrong}"
    return None
