"""Lists over hosts: what each answered, filtered, sorted, and in pages. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from lifebuoy.errors import BadInput, LifebuoyError
from lifebuoy.hosts.fleet import Answer
from lifebuoy.model import InstanceState
from lifebuoy.operations.status import InstanceSummary

T = TypeVar("T")

PAGE_MAX: Final = 500
#: Later than every date.
_NEVER: Final = "~"


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """What one host listed. ``host`` is its configured name, empty for one that has none."""

    host: str
    uri: str
    instances: tuple[T, ...]
    error: LifebuoyError | None
    seconds: float

    @property
    def name(self) -> str:
        """What it is called, in words."""
        return self.host or self.uri


def heard(answer: Answer[list[T]]) -> Listed[T]:
    """A host's answer to a question for a list."""
    return Listed(
        answer.place.name,
        answer.place.uri,
        tuple(answer.value or ()),
        answer.error,
        round(answer.seconds, 3),
    )


def rows(listed: Iterable[Listed[T]]) -> Iterator[tuple[str, T]]:
    """Every instance with its host's name."""
    for one in listed:
        for instance in one.instances:
            yield one.host, instance


class Order(StrEnum):
    """What a list may be sorted by; with a dash before it the other way round."""

    NAME = "name"
    STATE = "state"
    HOST = "host"
    MEMORY = "memory_mib"
    EXPIRES = "expires"


@dataclass(frozen=True, slots=True)
class Query:
    """Which instances are wanted. ``text`` is looked for in names and UUIDs, whatever the case.

    ``cursor`` is where the page before ended, as that page told.
    """

    text: str = ""
    states: frozenset[InstanceState] = frozenset()
    host: str | None = None
    order: Order = Order.NAME
    descending: bool = False
    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them, with their hosts. ``total`` counts all that match; ``next`` is the cursor of
    the next page, empty on the last one."""

    rows: tuple[tuple[str, InstanceSummary], ...]
    total: int
    next: str


def order_of(word: str) -> tuple[Order, bool]:
    """An order and whether it is descending, from ``name`` or ``-name``.

    Raises:
        BadInput: nothing can be sorted by that.
    """
    try:
        return Order(word.removeprefix("-")), word.startswith("-")
    except ValueError:
        known = ", ".join(Order)
        raise BadInput("a list cannot be sorted by that", hint=f"by one of: {known}") from None


def page(found: Iterable[tuple[str, InstanceSummary]], query: Query) -> Page:
    """The page that is asked for.

    A page goes on after the place of the last instance that was shown, not after a number of them:
    what comes or goes meanwhile neither repeats nor hides another.

    Raises:
        BadInput: the cursor is none, or of another order; or the limit is none.
    """
    if not 1 <= query.limit <= PAGE_MAX:
        raise BadInput(f"a page has 1 to {PAGE_MAX} instances")
    matching = sorted(
        (one for one in found if _matches(one, query)),
        key=lambda one: _key(one, query.order),
        reverse=query.descending,
    )
    rest = matching
    if query.cursor:
        place = _place_of(query)
        rest = [one for one in matching if _is_after(_key(one, query.order), place, query)]
    shown = tuple(rest[: query.limit])
    more = len(rest) > len(shown)
    return Page(shown, len(matching), _cursor(shown[-1], query) if more else "")


_Key = tuple[Any, str, str, str]


def _key(one: tuple[str, InstanceSummary], order: Order) -> _Key:
    """The place of an instance; the later parts tell two of one value apart."""
    host, summary = one
    values: dict[Order, str | int] = {
        Order.NAME: summary.name.casefold(),
        Order.STATE: summary.state.value,
        Order.HOST: host,
        Order.MEMORY: summary.memory_mib,
        Order.EXPIRES: summary.expires or _NEVER,
    }
    return values[order], summary.name, host, summary.uuid


def _matches(one: tuple[str, InstanceSummary], query: Query) -> bool:
    host, summary = one
    if query.host is not None and host != query.host:
        return False
    if query.states and summary.state not in query.states:
        return False
    text = query.text.casefold()
    return text in summary.name.casefold() or text in summary.uuid


def _is_after(key: _Key, place: _Key, query: Query) -> bool:
    return key < place if query.descending else key > place


def _order_word(query: Query) -> str:
    return ("-" if query.descending else "") + query.order


def _cursor(last: tuple[str, InstanceSummary], query: Query) -> str:
    words = json.dumps([_order_word(query), *_key(last, query.order)], separators=(",", ":"))
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def _place_of(query: Query) -> _Key:
    wanted = int if query.order is Order.MEMORY else str
    text = query.cursor.encode("ascii", "replace")
    try:
        said = json.loads(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
        word, value, name, host, uuid = said
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _no_cursor() from None
    if word != _order_word(query) or type(value) is not wanted:
        raise _no_cursor()
    if not all(isinstance(part, str) for part in (name, host, uuid)):
        raise _no_cursor()
    return value, name, host, uuid


def _no_cursor() -> BadInput:
    return BadInput(
        "the cursor is of no list that is sorted so", hint="begin anew, without a cursor"
    )
