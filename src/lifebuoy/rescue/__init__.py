"""Rescue mode of one instance: its definitions, its record, its media and the ways in.

The order of steps is not here but in ``operations``.
"""
