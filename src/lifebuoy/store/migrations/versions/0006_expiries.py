"""Until when instances may be used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TIME = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "expiries",
        sa.Column("daemon", sa.Text, primary_key=True),
        sa.Column("instance", sa.String(36), primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("expires", TIME, nullable=False),
    )


def downgrade() -> None:
    """Take it away, with all dates."""
    op.drop_table("expiries")
