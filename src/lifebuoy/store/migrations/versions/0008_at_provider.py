"""Whether a session was begun at an OpenID provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("at_provider", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("sessions", column)


def downgrade() -> None:
    """Take it away again: who wants to know asks for the password."""
    op.drop_column("sessions", "at_provider")
