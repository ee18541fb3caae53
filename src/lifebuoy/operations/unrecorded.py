"""Does an operation in one go in this process, under the instance's lock, with nothing on record.

For callers without a database; ``engine`` is the counterpart that can be gone on with by others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifebuoy.errors import StepFailed
from lifebuoy.hypervisor import Domain
from lifebuoy.operations import lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import Kind, Operation
from lifebuoy.operations.runner import Listener, nobody, run


@contextmanager
def done(
    context: Context,
    domain: Domain,
    kind: Kind[Any],
    operation: Operation,
    listener: Listener = nobody,
) -> Iterator[None]:
    """The operation is done when the block begins; the lock is held until it ends.

    Raises:
        Busy: somebody else is at work on the instance.
        LifebuoyError: from its checks, with nothing touched; StepFailed or Cancelled after the
            roll-back.
    """
    with lock.held(context.host.store, domain.uuid, domain.name, kind.doing):
        operation.begin()
        try:
            run(operation.steps(), listener)
        finally:
            operation.close()
        yield


@contextmanager
def told_plainly() -> Iterator[None]:
    """Where there is one step only, its error says all."""
    try:
        yield
    except StepFailed as error:
        raise error.cause from error
