"""Many hosts: what they are called, asking them all at once, and which of them has an instance.

Import the modules: ``place`` (names and URIs, pure), ``fleet``, ``asking``, ``finding``.
"""
