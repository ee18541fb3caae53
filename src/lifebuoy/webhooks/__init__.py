"""Tells other programs what happened to instances: signed requests to addresses of the settings.

``model`` is pure; ``outbox`` is what is to be told, on record; ``delivery`` sends it.
"""
