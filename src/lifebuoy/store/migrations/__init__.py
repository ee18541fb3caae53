"""The history of the tables, a file each in ``versions``; run by ``schema`` through Alembic."""
