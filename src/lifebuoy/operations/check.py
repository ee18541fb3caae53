"""Is everything there for rescue mode: the host's own checks and this user's rescue image."""

from __future__ import annotations

from lifebuoy.errors import CannotConnect, LifebuoyError
from lifebuoy.hypervisor import CheckItem, check_host
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context

_IMAGE = "rescue image"


def check(context: Context) -> list[CheckItem]:
    """All facts, the image last."""
    return [
        *check_host(context.host, cache_dir=context.cache_dir),
        image_item(context.catalogue),
    ]


def without_host(error: CannotConnect, catalogue: Catalogue) -> list[CheckItem]:
    """What can be said where libvirt cannot be reached."""
    return [CheckItem("libvirt", False, error.message, error.hint), image_item(catalogue)]


def image_item(catalogue: Catalogue) -> CheckItem:
    """The default rescue image's state; its whole content is read."""
    try:
        image = catalogue.verify()
    except LifebuoyError as error:
        return CheckItem(_IMAGE, False, error.message, error.hint)
    facts = f"'{image.id}', {image.size_bytes >> 20} MiB"
    if not image.is_current:
        return CheckItem(
            _IMAGE,
            None,
            f"{facts}, made by another version of Lifebuoy",
            "it works; for the current one: lifebuoy image build",
        )
    return CheckItem(_IMAGE, True, f"{facts}, whole")


def passed(items: list[CheckItem]) -> bool:
    """Whether nothing stands in the way."""
    return all(item.ok is not False for item in items)
