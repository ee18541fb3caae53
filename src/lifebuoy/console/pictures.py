"""Still pictures of screens, kept for a moment: many who look cost the host one call."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lifebuoy.errors import Busy, LifebuoyError

#: So long a picture is shown to others before a new one is taken.
KEPT_S: Final = 2.0
_FORGOTTEN_S: Final = 60.0
_WAIT_S: Final = 5.0
#: Of a small one; its height is what its shape wants.
SMALL_WIDTH: Final = 320
_SMALL_HEIGHT_MOST: Final = 320


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and the tag of its content."""

    png: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class _Taken:
    full: Picture
    small: Picture
    at: float


class _Slot:
    """One screen's last picture; its lock is held while a new one is taken."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken: _Taken | None = None
        self.failed: tuple[LifebuoyError, float] | None = None
        self.asked = 0.0


class Pictures:
    """The last picture of each screen; from any thread. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._lock = threading.Lock()

    def get(self, screen: tuple[str, str], take: Callable[[], bytes], *, small: bool) -> Picture:
        """The picture of ``screen``: libvirt and UUID. ``take`` is asked for an image of any
        format, by one caller. The others are shown what there was before; where there is nothing,
        they wait for a while. An error of ours, too, is everybody's for a moment.

        Raises:
            Busy: another caller has waited for it for too long.
        """
        slot = self._slot(screen)
        if slot.lock.acquire(timeout=0 if slot.taken else _WAIT_S):
            try:
                self._renew(slot, take)
            finally:
                slot.lock.release()
        if slot.taken is None:
            raise Busy("the picture of the screen takes too long", hint="try again", safe="")
        return slot.taken.small if small else slot.taken.full

    def _renew(self, slot: _Slot, take: Callable[[], bytes]) -> None:
        now = self._clock()
        if slot.taken is not None and now - slot.taken.at < KEPT_S:
            return
        if slot.failed is not None and now - slot.failed[1] < KEPT_S:
            raise slot.failed[0]
        slot.taken = slot.failed = None
        try:
            slot.taken = _taken(take(), self._clock())
        except LifebuoyError as error:
            slot.failed = (error, self._clock())
            raise

    def _slot(self, screen: tuple[str, str]) -> _Slot:
        with self._lock:
            now = self._clock()
            for key in [k for k, one in self._slots.items() if now - one.asked > _FORGOTTEN_S]:
                del self._slots[key]
            slot = self._slots.setdefault(screen, _Slot())
            slot.asked = now
            return slot


def _taken(data: bytes, at: float) -> _Taken:
    from PIL import Image  # loaded where it is used: it takes a while

    with Image.open(io.BytesIO(data)) as image:
        plain = image.convert("RGB")
    shrunk = plain.copy()
    shrunk.thumbnail((SMALL_WIDTH, _SMALL_HEIGHT_MOST))
    return _Taken(_png(plain), _png(shrunk), at)


def _png(image: object) -> Picture:
    out = io.BytesIO()
    image.save(out, "PNG")  # type: ignore[attr-defined]  # the module is loaded late
    data = out.getvalue()
    return Picture(data, hashlib.sha256(data).hexdigest()[:32])
