"""Devices that the rescue system needs beside its CD-ROMs, and those it must not have."""

from __future__ import annotations

from lxml import etree

from lifebuoy.rescue.markup import Element, attribute, place, remove
from lifebuoy.rescue.traits import AGENT_CHANNEL, has_agent_channel

# Behind which elements a new one goes, so that the result reads as libvirt prints it.
AFTER_DISK = ("emulator", "disk")
AFTER_CONTROLLER = (*AFTER_DISK, "controller")
_AFTER_SERIAL = (*AFTER_CONTROLLER, "lease", "filesystem", "interface", "smartcard", "serial")
_AFTER_CONSOLE = (*_AFTER_SERIAL, "parallel", "console")
_AFTER_CHANNEL = (*_AFTER_CONSOLE, "channel")
_AFTER_GRAPHICS = (*_AFTER_CHANNEL, "input", "tpm", "hub", "graphics")
_AFTER_VIDEO = (*_AFTER_GRAPHICS, "sound", "audio", "video")


def disarm(root: Element) -> None:
    """Silence the watchdogs, which nobody feeds here, and leave the TPM's state alone.

    Booting something else would extend the vTPM's measurements and could count as an attack on
    what is sealed to it; without the device its state is not opened.
    """
    for watchdog in root.findall("devices/watchdog"):
        watchdog.set("action", "none")
    for tpm in root.findall("devices/tpm"):
        remove(tpm)


def ensure_agent_channel(root: Element, *, has_room: bool) -> None:
    """The agent tells when the rescue system is ready and its addresses."""
    has_controller = root.find("devices/controller[@type='virtio-serial']") is not None
    devices = root.find("devices")
    if devices is None or has_agent_channel(root) or not (has_room or has_controller):
        return
    channel = etree.Element("channel", type="unix")
    etree.SubElement(channel, "target", type="virtio", name=AGENT_CHANNEL)
    place(devices, channel, after=_AFTER_CHANNEL)


def ensure_serial(root: Element, *, log_path: str | None) -> None:
    """A serial console to log in by; a log of it only where one was asked for."""
    devices = root.find("devices")
    if devices is None:
        return
    serial = devices.find("serial")
    if serial is None:
        serial = etree.Element("serial", type="pty")
        etree.SubElement(serial, "target", port="0")
        place(devices, serial, after=_AFTER_SERIAL)
        if devices.find("console") is None:
            console = etree.Element("console", type="pty")
            etree.SubElement(console, "target", type="serial", port="0")
            place(devices, console, after=_AFTER_CONSOLE)
    if log_path is None or serial.get("type") != "pty":
        return
    if serial.find("log") is None:
        log = etree.Element("log", file=log_path, append="off")
        place(serial, log, after=("source", "protocol"))


def ensure_screen(root: Element, *, has_room: bool) -> None:
    """A screen to log in by where there is none; its VNC listens nowhere but in libvirt."""
    devices = root.find("devices")
    if devices is None:
        return
    kinds = {graphics.get("type") for graphics in devices.findall("graphics")}
    if kinds - {"egl-headless"}:
        return
    videos = [video for video in devices.findall("video") if _shows(video)]
    if not videos and not has_room:
        return
    for video in devices.findall("video"):
        if video not in videos:
            remove(video)
    graphics = etree.Element("graphics", type="vnc")
    etree.SubElement(graphics, "listen", type="none")
    place(devices, graphics, after=_AFTER_GRAPHICS)
    if not videos:
        video = etree.Element("video")
        etree.SubElement(video, "model", type="vga")
        place(devices, video, after=_AFTER_VIDEO)


def _shows(video: Element) -> bool:
    return attribute(video, "model", "type") != "none"
