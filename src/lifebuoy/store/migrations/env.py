"""Alembic's entry: the connection comes from ``schema``, within its transaction."""

from __future__ import annotations

from alembic import context

from lifebuoy.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
