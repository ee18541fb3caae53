"""Rescue images and instances for tests in which something really starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cache, images
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context
from tests.boot import machine
from tests.boot.machine import Define
from tests.libvirt.command import idle_iso


@pytest.fixture(scope="session")
def our_images() -> Catalogue:
    """The catalogue with our own image; LIFEBUOY_TEST_IMAGES names one to test instead."""
    chosen = os.environ.get("LIFEBUOY_TEST_IMAGES")
    return Catalogue(Path(chosen) if chosen else images.get(cache.folder(os.environ), print))


@pytest.fixture(scope="session")
def idle_images(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """A catalogue with an owner's image whose system does nothing: no boot to wait for."""
    folder = tmp_path_factory.mktemp("idle")
    catalogue = Catalogue(folder / "images")
    iso = idle_iso(folder / "idle.iso")
    catalogue.add(iso, image_id="idle", name="Does nothing", sha256=None)
    return catalogue


@pytest.fixture(scope="session")
def context(
    embedded: Host, our_images: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> Context:
    """The embedded host with our image."""
    return Context(embedded, our_images, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def quick(
    embedded: Host, idle_images: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> Context:
    """The embedded host with the image that does nothing."""
    return Context(embedded, idle_images, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def define(embedded: Host) -> Iterator[Define]:
    """Defines instances on the embedded host that are gone after the test, with their media."""
    made: dict[str, Domain] = {}

    def settle(xml: str) -> Domain:
        domain = machine.settled(embedded, xml)
        made[domain.uuid] = domain
        return domain

    yield settle
    for domain in made.values():
        machine.forget(embedded, domain)
