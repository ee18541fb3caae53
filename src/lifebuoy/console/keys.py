"""Ctrl-Alt-Del among the keys that a viewer sends: in rescue mode it is held back. Pure.

It would restart the rescue system, which is no harm to the disks but surely not what its user
wanted: what was typed and mounted there would be gone.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class _Part(Enum):
    CONTROL = auto()
    ALT = auto()
    DELETE = auto()


#: Keysyms of X11; AltGr counts as Alt, as Linux reboots by it, too.
_BY_SYMBOL: Final = {
    0xFFE3: _Part.CONTROL,
    0xFFE4: _Part.CONTROL,
    0xFFE9: _Part.ALT,
    0xFFEA: _Part.ALT,
    0xFFE7: _Part.ALT,
    0xFFE8: _Part.ALT,
    0xFE03: _Part.ALT,
    0xFFFF: _Part.DELETE,
    0xFF9F: _Part.DELETE,
}
#: XT scancodes as QEMU takes them: those with a prefix 0xe0 have the bit 0x80.
_BY_CODE: Final = {
    0x1D: _Part.CONTROL,
    0x9D: _Part.CONTROL,
    0x38: _Part.ALT,
    0xB8: _Part.ALT,
    0x53: _Part.DELETE,
    0xD3: _Part.DELETE,
}
_ALL: Final = frozenset(_Part)


class Held:
    """The parts of Ctrl-Alt-Del that are held down in one viewer."""

    def __init__(self) -> None:
        self._down: dict[tuple[int, int], frozenset[_Part]] = {}

    def passes(self, down: bool, symbol: int, code: int) -> bool:
        """Whether the key may go on; not the one that would make all three be held.

        ``code`` is its scancode, 0 where the viewer sent none. Both count: which of them QEMU goes
        by is its own affair.
        """
        parts = frozenset(
            part for part in (_BY_SYMBOL.get(symbol), _BY_CODE.get(code & 0xFF)) if part
        )
        if not down:
            self._let_go(symbol, code)
            return True
        if parts and frozenset().union(*self._down.values(), parts) == _ALL:
            return False
        if parts:
            self._down[symbol, code] = parts
        return True

    def _let_go(self, symbol: int, code: int) -> None:
        """The same key may have another symbol now, such as with Shift."""
        for key in [one for one in self._down if (one[1] == code if code else one[0] == symbol)]:
            del self._down[key]
