"""The structured log: to standard error with --verbose, else nowhere. It never holds secrets."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(*, verbose: bool) -> None:
    """Direct our log and that of the libraries."""
    level = logging.DEBUG if verbose else logging.CRITICAL
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        cache_logger_on_first_use=False,
    )
    # paramiko says more than it should be heard of: a rescue system that is not up yet is normal
    logging.getLogger("paramiko").setLevel(logging.INFO if verbose else logging.CRITICAL)


def set_up_service() -> None:
    """Direct our log to standard error as lines of JSON, with what a request is called in each."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        cache_logger_on_first_use=False,
    )
