"""Adds the pages to the application."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from lifebuoy.api.app import application
from lifebuoy.api.passing import Passing
from lifebuoy.api.state import Serving
from lifebuoy.errors import LifebuoyError
from lifebuoy.web import acting, checking, consoles, errors, guide, pages, saving, signing

PAGES: Final = (
    signing.router,
    guide.router,
    pages.router,
    acting.router,
    checking.router,
    consoles.router,
    saving.router,
)
_HERE: Final = Path(__file__).parent


def make(serving: Serving) -> ASGIApp:
    """Calls and pages, ready to be served.

    What every request passes through is around them, not in them: answers about bugs pass it, too.
    """
    app = with_pages(application(serving))
    return Passing(app, names=serving.names, secure=serving.is_secure)


def with_pages(app: FastAPI) -> FastAPI:
    """The application with its pages; errors there become pages, too."""
    for router in PAGES:
        app.include_router(router)
    for name in ("static", "parts"):
        app.mount(f"/{name}", StaticFiles(directory=_HERE / name, check_dir=False), name)
    images = StaticFiles(directory=guide.GUIDE / "images", check_dir=False)
    app.mount("/guide/images", images, "guide-images")
    app.add_exception_handler(LifebuoyError, errors.of_ours)
    app.add_exception_handler(RequestValidationError, errors.of_validation)
    app.add_exception_handler(HTTPException, errors.of_framework)
    return app
