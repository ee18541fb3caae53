"""libvirt's event loop, once per process, and a quiet error handler.

The embedded driver, non-blocking streams and keep-alive need a running loop. It must be
registered before the first connection is opened. Not asyncio: it lives in a thread of its own.
"""

from __future__ import annotations

import threading
import time

import libvirt

from lifebuoy.interruption import BackgroundThread

_lock = threading.Lock()
_started = False


def start_event_loop() -> None:
    """Start the loop in a daemon thread; later calls do nothing."""
    global _started
    with _lock:
        if _started:
            return
        libvirt.registerErrorHandler(_ignore, None)
        libvirt.virEventRegisterDefaultImpl()
        BackgroundThread(_run, name="libvirt-events").start()
        _started = True


def _ignore(_context: object, _error: object) -> None:
    """Every error is raised as an exception too; libvirt need not print it."""


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            time.sleep(0.1)  # a broken descriptor must not make this loop spin
