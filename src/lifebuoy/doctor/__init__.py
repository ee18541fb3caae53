"""The host's side of the self-check: what a machine said while it failed to boot."""

from __future__ import annotations

from lifebuoy.doctor.bootlog import Verdict, read

__all__ = ["Verdict", "read"]
