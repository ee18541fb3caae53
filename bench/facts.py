"""What figures without a guest depend on: the processor, how many, and what else they had to do."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Facts:
    """``load`` is the load average of the last minute, what was measured included."""

    processor: str
    cores: int
    kernel: str
    python: str
    load: float

    @property
    def words(self) -> str:
        """In a line."""
        return (
            f"{self.cores} cores ({self.processor}), Linux {self.kernel}, "
            f"Python {self.python}, load {self.load:.1f}"
        )


def look() -> Facts:
    """The machine now."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return Facts(
        processor=models[0] if models else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )
