"""Which steps an operation goes through, so that whoever watches sees what is to come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("operations", sa.Column("plan", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take it away again: operations do not depend on it."""
    op.drop_column("operations", "plan")
