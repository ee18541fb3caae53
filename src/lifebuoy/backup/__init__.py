"""Backup points: which files make them up, what may be merged, what is refused. Decides only."""
