"""libvirt and QEMU: the only package that imports ``libvirt``. Knows nothing of rescue or users."""

from __future__ import annotations

from lifebuoy.hypervisor import quiet  # noqa: F401  # before all that loads libvirt

# isort: split
from lifebuoy.hypervisor.addresses import Address, AddressSource
from lifebuoy.hypervisor.agent import Agent, Completed, FileSystem
from lifebuoy.hypervisor.check import CheckItem, check_host
from lifebuoy.hypervisor.connection import connect
from lifebuoy.hypervisor.console import SerialConsole
from lifebuoy.hypervisor.domain import Domain, ShutdownMode
from lifebuoy.hypervisor.glance import Glance
from lifebuoy.hypervisor.graphics import Graphics
from lifebuoy.hypervisor.hop import SshHop
from lifebuoy.hypervisor.host import Host, HostVersions
from lifebuoy.hypervisor.kvm import KvmVerdict
from lifebuoy.hypervisor.storage import HEAD_BYTES, MediaFile, MediaStore, Progress

__all__ = [
    "HEAD_BYTES",
    "Address",
    "AddressSource",
    "Agent",
    "CheckItem",
    "Completed",
    "Domain",
    "FileSystem",
    "Glance",
    "Graphics",
    "Host",
    "HostVersions",
    "KvmVerdict",
    "MediaFile",
    "MediaStore",
    "Progress",
    "SerialConsole",
    "ShutdownMode",
    "SshHop",
    "check_host",
    "connect",
]
