"""The user's settings: one TOML file, the environment, flags; and where each came from.

Import the modules: ``values`` (what the rest of the program gets), ``reading``, ``editing``.
"""
