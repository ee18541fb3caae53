"""The database of operations: what was asked, by whom, how far it came. Never what an instance is:
that is in the instance itself. SQLite by default, PostgreSQL by one setting.
"""

from __future__ import annotations

from lifebuoy.store.database import Database, default_url, open_database
from lifebuoy.store.tables import Outcome

__all__ = ["Database", "Outcome", "default_url", "open_database"]
