"""The tables. Their history is in ``migrations``; DBOS keeps its own tables beside these."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import sqlalchemy as sa

metadata = sa.MetaData()

#: ISO 8601 in UTC; ordered by its characters, whatever the database's language is
TIME: Final = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


class Outcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    FAILED = "failed"  # a step failed; what was done was undone
    CANCELLED = "cancelled"  # somebody asked to stop; what was done was undone
    CLOSED = "closed"  # nobody goes on with it: another one made up for it, or nobody could


class Happening(StrEnum):
    """What the audit log notes."""

    ASKED = "asked"
    REFUSED = "refused"
    ADOPTED = "adopted"  # another process goes on with it
    CANCEL_ASKED = "cancel-asked"
    ENDED = "ended"
    OBSERVED = "observed"  # a change that was not made through here
    RENEWED = "renewed"  # an expiry date was set, moved or taken away
    QUOTA_SET = "quota-set"  # what backup points may come to
    SIGNED_IN = "signed-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    ACCOUNT_CHANGED = "account-changed"  # an account, its rights or its keys
    CONSOLE_OPENED = "console-opened"
    CONSOLE_CLOSED = "console-closed"


#: One row an operation. Times are ISO 8601, UTC. ``daemon`` tells hosts apart whatever they are
#: called; ``executor`` is the process at work on it, empty while it waits for one.
operations = sa.Table(
    "operations",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("daemon", sa.Text, nullable=False),
    sa.Column("instance", sa.String(36), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("created", TIME, nullable=False),
    sa.Column("started", TIME),
    sa.Column("finished", TIME),
    sa.Column("executor", sa.String(64), nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("outcome", sa.String(16)),
    sa.Column("error", sa.Text),
    sa.Column("result", sa.Text),
    sa.Column("progress_done", sa.BigInteger),
    sa.Column("progress_total", sa.BigInteger),
    sa.Column("onward", sa.Text, nullable=False, server_default=""),
    sa.Column("cancel_requested", sa.Text),
    sa.Column("plan", sa.Text, nullable=False, server_default="[]"),
    # The row's insertion decides who may change the instance; everybody else is told who does.
    sa.Index(
        "operations_one_at_a_time",
        "daemon",
        "instance",
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    ),
    sa.Index("operations_by_time", "created"),
)

#: The steps of an operation in the order in which they were begun, undoing ones too.
steps = sa.Table(
    "operation_steps",
    metadata,
    sa.Column(
        "operation",
        sa.String(32),
        sa.ForeignKey("operations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("began", TIME, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
)

#: Who, what, when, on which instance, how it ended. Triggers refuse to change or remove a row.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("time", TIME, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("instance", sa.String(36), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("operation", sa.String(32), nullable=False, server_default=""),
    sa.Column("outcome", sa.String(16), nullable=False, server_default=""),
    sa.Column("code", sa.String(64), nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
)

#: What each instance looked like when it was last looked at, to notice what others changed.
observed = sa.Table(
    "observed",
    metadata,
    sa.Column("daemon", sa.Text, primary_key=True),
    sa.Column("instance", sa.String(36), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("definition", sa.String(64), nullable=False),
    sa.Column("seen", TIME, nullable=False),
)

#: Who may sign in to the server. ``password`` is a hash of argon2, which says itself how it was
#: made.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("created", TIME, nullable=False),
)


def _account() -> sa.Column[str]:
    """The account that a row belongs to, and with which it goes."""
    reference = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    return sa.Column("account", sa.String(32), reference, nullable=False)


#: The instances that an owner may see and act on. ``host`` and ``name`` are for humans.
grants = sa.Table(
    "grants",
    metadata,
    _account(),
    sa.Column("daemon", sa.Text, nullable=False),
    sa.Column("instance", sa.String(36), nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("account", "daemon", "instance"),
)

#: Browsers that are signed in; of the token only its SHA-256.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    _account(),
    sa.Column("created", TIME, nullable=False),
    sa.Column("used", TIME, nullable=False),
    sa.Column("expires", TIME, nullable=False),
    sa.Column("at_provider", sa.Boolean, nullable=False, server_default=sa.false()),
)

#: Sign-ins that have shown the password and still need a code; of the token only its SHA-256.
half_sign_ins = sa.Table(
    "half_sign_ins",
    metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    _account(),
    sa.Column("expires", TIME, nullable=False),
)

#: Second factors. ``secret`` is sealed with a key that is not in the database, ``last_step`` the
#: latest time step whose code was used.
second_factors = sa.Table(
    "second_factors",
    metadata,
    _account(),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("since", TIME, nullable=False),
    sa.PrimaryKeyConstraint("account"),
)

#: Recovery codes that were not used; only their SHA-256.
recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    _account(),
    sa.Column("code", sa.String(64), nullable=False),
    sa.PrimaryKeyConstraint("account", "code"),
)

#: Who an account is at an OpenID provider: never its name there, which can change hands.
provider_identities = sa.Table(
    "provider_identities",
    metadata,
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    _account(),
    sa.Column("created", TIME, nullable=False),
    sa.PrimaryKeyConstraint("issuer", "subject"),
)

#: Keys of programs; of the key only its SHA-256. ``scopes`` are words with blanks between.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    _account(),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created", TIME, nullable=False),
    sa.Column("expires", TIME, nullable=False),
)

#: Refused sign-ins in a row. ``subject`` is a SHA-256, as what was typed as a name may be a secret.
sign_ins = sa.Table(
    "sign_ins",
    metadata,
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last", TIME, nullable=False),
)

#: Requests that carried an idempotency key, of which only the SHA-256; what they led to.
asked = sa.Table(
    "asked",
    metadata,
    _account(),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("request", sa.String(64), nullable=False),
    sa.Column("operation", sa.String(32), nullable=False),
    sa.Column("created", TIME, nullable=False),
    sa.PrimaryKeyConstraint("account", "key"),
)

#: Until when an instance may be used, such as 2030-12-31T23:59:59Z; without a row for ever.
#: ``host`` and ``name`` are for humans.
expiries = sa.Table(
    "expiries",
    metadata,
    sa.Column("daemon", sa.Text, primary_key=True),
    sa.Column("instance", sa.String(36), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("expires", TIME, nullable=False),
)

#: Up to which line of the audit log each webhook of the settings was told or is to be.
webhook_places = sa.Table(
    "webhook_places",
    metadata,
    sa.Column("hook", sa.String(64), primary_key=True),
    sa.Column("low", sa.BigInteger, nullable=False),
)

#: Lines of the audit log for a webhook. ``due`` is when it is tried next, empty once it was
#: delivered or given up; whoever tries it moves that on, so that nobody else does meanwhile.
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("hook", sa.String(64), primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(40), nullable=False),
    sa.Column("due", TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
)
