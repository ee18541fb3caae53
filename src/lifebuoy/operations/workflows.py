"""DBOS, and nothing else that knows it: starts workflows, goes on with them, records their steps.

A workflow here is an operation's id and nothing more. What is recorded is JSON, never a pickle.
Loading this module loads DBOS, which takes a third of a second: only changes do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
import structlog
from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
)
from dbos._error import DBOSException, DBOSWorkflowConflictIDError  # have no public names
from sqlalchemy.exc import SQLAlchemyError

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.operations.operation import JsonObject
from lifebuoy.store import Database, enduring

_log = structlog.get_logger("dbos")
_NAME: Final = "lifebuoy.operation"
#: Of what is recorded and how. Operations have versions of their own, so this stays the same from
#: one Lifebuoy to the next: another would make DBOS ignore what an earlier one left.
_VERSION: Final = "1"
_QUEUE: Final = "executor"
_QUEUE_POLL_S: Final = 0.1
_POOL: Final = 8

#: another process has adopted the operation
NotOurs = DBOSWorkflowConflictIDError
#: what goes wrong with the database comes out of DBOS as one of these; ours where it was locked or
#: away for longer than is waited
Troubles = (DatabaseTrouble, SQLAlchemyError, DBOSException)
#: what DBOS does not go on with
_ENDED: Final = frozenset({"SUCCESS", "ERROR"})

Run = Callable[[str], JsonObject]
_run: Run | None = None
_has_queue = False
_engine: sa.Engine | None = None


@DBOS.workflow(name=_NAME)
def _operation(id_: str) -> JsonObject:
    assert _run is not None
    return _run(id_)


def launch(database: Database, executor: str, run: Run) -> None:
    """Start DBOS in this process; ``run`` does the operation of an id, in a thread of DBOS."""
    global _run, _has_queue, _engine
    _quieten()
    if _run is not None:  # one that was closed as if the process ended
        shut_down()
    _run, _has_queue, _engine = run, False, enduring.engine(database, _POOL)
    config: DBOSConfig = {
        "name": "lifebuoy",
        "system_database_url": database.url.render_as_string(hide_password=False),
        "executor_id": executor,
        "application_version": _VERSION,
        "serializer": DBOSPortableJSONSerializer(),
        "enable_otlp": False,
        "log_level": "WARNING",
        "system_database_engine": _engine,
    }
    DBOS(config=config)
    # Nobody else puts work for this process anywhere; what it adopts it puts here itself.
    DBOS.listen_queues([_queue(executor)])
    DBOS.launch()


def shut_down() -> None:
    """End DBOS in this process; workflows that still run are left as they are."""
    global _run, _engine
    _run = None
    DBOS.destroy(workflow_completion_timeout_sec=0)
    if _engine is not None:
        _engine.dispose()
    _engine = None


def start(id_: str) -> None:
    """Begin the operation in a thread of its own; one that has been begun before is left alone."""
    with SetWorkflowID(id_):
        DBOS.start_workflow(_operation, id_)


def go_on(id_: str, executor: str) -> None:
    """Go on with an operation that another process began and that is this one's now."""
    status = DBOS.get_workflow_status(id_)
    if status is not None and status.status in _ENDED:
        # The record says that it has not ended, and that counts; its steps bear to be done again.
        DBOS.delete_workflow(id_)
        status = None
    if status is None:  # it was killed before it could begin
        start(id_)
        return
    global _has_queue
    DBOS.register_queue(_queue(executor), polling_interval_sec=_QUEUE_POLL_S)
    _has_queue = True
    DBOS.resume_workflow(id_, queue_name=_queue(executor))


def forget(ids: list[str]) -> None:
    """Delete the records of operations."""
    DBOS.delete_workflows(ids)


def drop_queue(executor: str) -> None:
    """Delete the queue of this process, if it needed one."""
    if _has_queue:
        DBOS.delete_queue(_queue(executor))


def drop_queues(gone: Callable[[str], bool]) -> None:
    """Delete the queues of processes that were killed."""
    for queue in DBOS.list_queues():
        prefix, _, executor = queue.name.partition("-")
        if prefix == _QUEUE and executor and gone(executor):
            DBOS.delete_queue(queue.name)


def recorded(name: str, act: Callable[[], JsonObject]) -> JsonObject:
    """Do an act within the workflow of this thread, unless it is on record."""
    return DBOS.run_step({"name": name}, act)


def _queue(executor: str) -> str:
    return f"{_QUEUE}-{executor}"


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.debug("dbos", message=record.getMessage(), dbos_level=record.levelname)


def _quieten() -> None:
    logger = logging.getLogger("dbos")
    if not any(isinstance(handler, _ToStructlog) for handler in logger.handlers):
        logger.handlers = [_ToStructlog()]
        logger.propagate = False
