"""Adds the pages to the application."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from lifebuoy.api.app import application
from lifebuoy.api.passing import Passing
from lifebuoy.api.state import Serving
from lifebuoy.errors import LifebuoyError
from lifebuoy.web import (
    accounts,
    acting,
    assets,
    audit,
    backup_checks,
    backups,
    checking,
    consoles,
    errors,
    guide,
    hosts,
    images,
    openid,
    operations,
    own,
    pages,
    password,
    renewing,
    saving,
    signing,
    totp,
)

PAGES: Final = (
    signing.router,
    guide.router,
    totp.router,
    openid.router,
    pages.router,
    acting.router,
    checking.router,
    consoles.router,
    renewing.router,
    saving.router,
    backups.router,
    backup_checks.router,
    password.router,
    operations.router,
    audit.router,
    hosts.router,
    images.router,
    accounts.router,
    own.router,
)


def make(serving: Serving) -> ASGIApp:
    """Calls and pages, ready to be served.

    What every request passes through is around them, not in them: answers about bugs pass it, too.
    """
    app = with_pages(application(serving))
    return Passing(
        app, names=serving.names, secure=serving.is_secure, counted=serving.figures.request
    )


def with_pages(app: FastAPI) -> FastAPI:
    """The application with its pages; errors there become pages, too."""
    for router in PAGES:
        app.include_router(router)
    for name in assets.FOLDERS:
        app.mount(f"/{name}", assets.Assets(name), name)
    app.mount("/guide/images", assets.Assets("guide/images"), "guide-images")
    assets.version()  # reads them now, and not when the first page is waited for
    app.add_exception_handler(LifebuoyError, errors.of_ours)
    app.add_exception_handler(RequestValidationError, errors.of_validation)
    app.add_exception_handler(HTTPException, errors.of_framework)
    return app
