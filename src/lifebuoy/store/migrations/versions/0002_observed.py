"""What each instance looked like when it was last looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "observed",
        sa.Column("daemon", sa.Text, primary_key=True),
        sa.Column("instance", sa.String(36), primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("definition", sa.String(64), nullable=False),
        sa.Column("seen", TIME, nullable=False),
    )


def downgrade() -> None:
    """Take it away again: it only remembers what can be looked at anew."""
    op.drop_table("observed")
