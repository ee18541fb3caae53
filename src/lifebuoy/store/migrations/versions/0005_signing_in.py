"""Second factors, sign-ins by half, and who accounts are at an OpenID provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TIME = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "half_sign_ins",
        sa.Column("token", sa.String(64), primary_key=True),
        _account(),
        sa.Column("expires", TIME, nullable=False),
    )
    op.create_table(
        "second_factors",
        _account(),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "recovery_codes",
        _account(),
        sa.Column("code", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("account", "code"),
    )
    op.create_table(
        "provider_identities",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        _account(),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )


def downgrade() -> None:
    """Take them away: accounts are left with their passwords alone."""
    for table in ("provider_identities", "recovery_codes", "second_factors", "half_sign_ins"):
        op.drop_table(table)


def _account() -> sa.Column[str]:
    reference = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    return sa.Column("account", sa.String(32), reference, nullable=False)
