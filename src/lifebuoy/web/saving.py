"""What of a self-check can be saved: the report as a page of its own and as JSON."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import needs
from lifebuoy.api.doctor import name_of
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import Server, Serving
from lifebuoy.doctor import chain
from lifebuoy.doctor.report import Report
from lifebuoy.errors import NotFound
from lifebuoy.operations import doctor_shapes
from lifebuoy.web import check_words
from lifebuoy.web.chain import drawing
from lifebuoy.web.render import text

router = APIRouter(include_in_schema=False)
_PATH: Final = "/instances/{host}/{uuid}/self-check"
_READS: Final = needs(Permission.READ)
_STATIC: Final = Path(__file__).parent / "static"
_STYLES: Final = ("chain.css", "report.css")


@router.get(_PATH + "/report.json", **_READS)
def save_json(server: Server, instance: Instance) -> Response:
    """The report as a file: docs/schema/self-check.json."""
    made, report = _latest(server, instance)
    shape = doctor_shapes.self_check(name_of(instance), report)
    content = json.dumps(shape, ensure_ascii=False, indent=1)
    return _file(content, "application/json", name_of(instance), made, "json")


@router.get(_PATH + "/report.html", **_READS)
def save_html(request: Request, server: Server, instance: Instance) -> Response:
    """The report as a file that a browser shows without this server and without a network."""
    made, report = _latest(server, instance)
    content = document(request, name_of(instance), made, report)
    return _file(content, "text/html", name_of(instance), made, "html")


def document(request: Request, name: str, made: str, report: Report) -> str:
    """The report as one whole document: no script, nothing loaded."""
    return text(
        request,
        "saved/report.html",
        name=name,
        made=made,
        report=report,
        drawing=drawing(chain.of_report(report)),
        style=style(),
        check_words=check_words,
        chain=chain,
    )


@cache
def style() -> str:
    """How the document looks. Of no character that HTML would take for its own."""
    return "".join((_STATIC / name).read_text(encoding="utf-8") for name in _STYLES)


def file_name(name: str, made: str, ending: str) -> str:
    """What a saved report is called, whatever the instance is called."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "instance"
    return f"self-check-{plain}-{re.sub('[^0-9TZ]', '', made[:19])}.{ending}"


def _latest(server: Serving, instance: Reached) -> tuple[str, Report]:
    """When it was made, and the report.

    Raises:
        NotFound: there is none.
    """
    found = server.desk.checkups.latest(instance.context, instance.uuid)
    if found is None or found.report is None:
        raise NotFound("there is no self-check of it", hint="make one first")
    return found.made, found.report


def _file(content: str, media_type: str, name: str, made: str, ending: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(name, made, ending)}"',
        "Cache-Control": "no-store",
    }
    return Response(content.encode(), media_type=f"{media_type}; charset=utf-8", headers=headers)
