"""What may be asked of backup points, each as the kind of operation that it is."""

from __future__ import annotations

from typing import Any

from lifebuoy.operations.backup_copy import COPY, CopyRequest
from lifebuoy.operations.backup_create import CREATE, CreateRequest
from lifebuoy.operations.backup_delete import DELETE, TIDY, DeleteRequest
from lifebuoy.operations.backup_restore import RESTORE, UNDO, RestoreRequest
from lifebuoy.operations.operation import Kind

BackupRequest = CreateRequest | CopyRequest | RestoreRequest | DeleteRequest


def kind_of(request: BackupRequest) -> Kind[Any]:
    """The operation that a request is for."""
    match request:
        case CreateRequest():
            return CREATE
        case CopyRequest():
            return COPY
        case RestoreRequest():
            return RESTORE if request.point else UNDO
        case DeleteRequest():
            return DELETE if request.points else TIDY
