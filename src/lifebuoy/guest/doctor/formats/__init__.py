"""Readers of the formats on a disk: bytes in, plain data out, each with limits, never raising."""
