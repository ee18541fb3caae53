"""How long the record of what has ended is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Retention:
    """What ended more than ``days`` ago is forgotten, but for the ``newest`` of what has ended."""

    days: int = 90
    newest: int = 100


#: where nobody has said otherwise
USUAL: Final = Retention()
