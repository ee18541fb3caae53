"""Measures rescue mode against libguestfs and against the floor, in turn on one machine.

Not a test: it asserts nothing about seconds. What each figure means is in docs/benchmarks.md.
"""
