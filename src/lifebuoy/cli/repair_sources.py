"""Where the packages that a repair needs would come from, for ``lifebuoy repair --dry-run``.

The rescue system does not have yet what is brought with --packages: that is looked for here, by the
names of its files; an ISO is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lifebuoy.doctor.report import Origin, Wanted
from lifebuoy.rescue.packages import Supply

_MAY_BE_ON_ISO: Final = "iso"
_WORDS: Final = {
    Origin.CACHE: "from the instance's own cache",
    Origin.GIVEN: "from --packages",
    _MAY_BE_ON_ISO: "from the ISO of --packages if it is there, which a dry run does not look into",
    Origin.REPOSITORY: "downloaded from the instance's repositories",
    Origin.UNLISTED: "asked for at the instance's repositories; its lists do not have this version",
    Origin.NOWHERE: "from nowhere: bring it with --packages",
}


def as_facts(wanted: Wanted, supply: Supply | None) -> dict[str, object]:
    """The documented shape: docs/schema/repair-dry-run.json."""
    return {**wanted.model_dump(mode="json"), "origin": str(_origin(wanted, supply))}


def drawn(packages: Iterable[Wanted], supply: Supply | None) -> Iterator[str]:
    """A line each."""
    for one in packages:
        name = f"{one.package} {one.version} ({one.architecture})"
        yield f"package {name}: {_WORDS[_origin(one, supply)]}"


def _origin(wanted: Wanted, supply: Supply | None) -> str:
    """In the order in which they are asked: the cache, what is brought, the repositories."""
    if wanted.origin is Origin.CACHE or supply is None:
        return wanted.origin
    if supply.has_file(wanted.package, wanted.version, wanted.architecture):
        return Origin.GIVEN
    return _MAY_BE_ON_ISO if supply.has_iso else wanted.origin
