"""Loads libvirt with its own log turned off. Imported before all else in this package.

In embedded mode the driver runs inside this process and would print its warnings to our user's
terminal; what matters reaches us as exceptions anyway. libvirt reads the variable once, when it is
loaded; it is taken back so that no daemon that libvirt starts for us inherits it.
"""

from __future__ import annotations

import os
from typing import Final

_VARIABLE: Final = "LIBVIRT_LOG_OUTPUTS"

if _VARIABLE in os.environ:
    import libvirt
else:
    os.environ[_VARIABLE] = "4:file:/dev/null"
    import libvirt  # noqa: F401

    del os.environ[_VARIABLE]
