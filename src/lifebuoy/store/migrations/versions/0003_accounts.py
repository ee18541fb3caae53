"""Accounts of the server, what they may see, how they sign in, and what they asked for before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("created", TIME, nullable=False),
    )
    op.create_table(
        "grants",
        _account(),
        sa.Column("daemon", sa.Text, nullable=False),
        sa.Column("instance", sa.String(36), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "daemon", "instance"),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(64), primary_key=True),
        _account(),
        sa.Column("created", TIME, nullable=False),
        sa.Column("used", TIME, nullable=False),
        sa.Column("expires", TIME, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        _account(),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("expires", TIME, nullable=False),
    )
    op.create_table(
        "sign_ins",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last", TIME, nullable=False),
    )
    op.create_table(
        "asked",
        _account(),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "key"),
    )


def downgrade() -> None:
    """Take them away, with all accounts."""
    for table in ("asked", "sign_ins", "api_keys", "sessions", "grants", "accounts"):
        op.drop_table(table)


def _account() -> sa.Column[str]:
    reference = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    return sa.Column("account", sa.String(32), reference, nullable=False)
