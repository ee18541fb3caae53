"""Lists over hosts: what each answered, filtered, sorted, and in pages. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from lifebuoy.errors import BadInput, LifebuoyError
from lifebuoy.hosts.fleet import Answer
from lifebuoy.model import InstanceState
from lifebuoy.operations.status import InstanceSummary

T = TypeVar("T")

PAGE_MAX: Final = 500
#: Of what never ends, in a list by ends: greater than any of them.
_NEVER: Final = "~"


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """What one host listed. ``host`` is its configured name, empty for one that has none;
    ``daemon`` which libvirt it is, where that is known."""

    host: str
    uri: str
    instances: tuple[T, ...]
    error: LifebuoyError | None
    seconds: float
    daemon: str = ""

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
    EXPIRES = "expires"  # what never ends comes last, both ways round


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

    Raises:
        BadInput: the cursor is none, or of another order; or the limit is none.
    """
    return Table(found).page(query)


class Table:
    """Instances with their hosts, which do not change; sorted when an order is first asked for."""

    def __init__(self, found: Iterable[tuple[str, InstanceSummary]]) -> None:
        self._found = tuple(found)
        self._sorted: dict[tuple[Order, str], _Sorted] = {}

    def page(self, query: Query) -> Page:
        """The page that is asked for.

        A page goes on after the place of the last instance that was shown, not after a number of
        them: what comes or goes meanwhile neither repeats nor hides another.

        Raises:
            BadInput: the cursor is none, or of another order; or the limit is none.
        """
        if not 1 <= query.limit <= PAGE_MAX:
            raise BadInput(f"a page has 1 to {PAGE_MAX} instances")
        there = self._in_order(query.order, _never(query))
        matching = _matching(there, query)
        rest = matching
        if query.cursor:
            place = _place_of(query)
            if query.descending:
                rest = matching[: bisect_left(matching, bisect_left(there.keys, place))]
            else:
                rest = matching[bisect_left(matching, bisect_right(there.keys, place)) :]
        shown = rest[::-1][: query.limit] if query.descending else rest[: query.limit]
        rows = tuple(there.rows[index] for index in shown)
        more = len(rest) > len(rows)
        return Page(rows, len(matching), _cursor(rows[-1], query) if more else "")

    def _in_order(self, order: Order, never: str) -> _Sorted:
        found = self._sorted.get((order, never))
        if found is None:
            keys = [_key(one, order, never) for one in self._found]
            pairs = sorted((key, number) for number, key in enumerate(keys))
            rows = [self._found[number] for _, number in pairs]
            found = self._sorted[order, never] = _Sorted([key for key, _ in pairs], rows)
        return found


_Key = tuple[Any, str, str, str]


def _key(one: tuple[str, InstanceSummary], order: Order, never: str) -> _Key:
    """The place of an instance; the later parts tell two of one value apart. ``never`` stands for
    the end of what has none."""
    host, summary = one
    values: dict[Order, str | int] = {
        Order.NAME: summary.name.casefold(),
        Order.STATE: summary.state.value,
        Order.HOST: host,
        Order.MEMORY: summary.memory_mib,
        Order.EXPIRES: summary.expires or never,
    }
    return values[order], summary.name, host, summary.uuid


def _never(query: Query) -> str:
    """What stands for the end of what has none, so that it comes last in that order."""
    return _NEVER if query.order is Order.EXPIRES and not query.descending else ""


@dataclass(frozen=True)
class _Sorted:
    """Instances in one order, ascending, and their places in it."""

    keys: list[_Key]
    rows: list[tuple[str, InstanceSummary]]

    @cached_property
    def texts(self) -> list[str]:
        """What a text is looked for in."""
        return [f"{one.name.casefold()} {one.uuid}" for _, one in self.rows]


def _matching(there: _Sorted, query: Query) -> Sequence[int]:
    """The numbers of the rows that match."""
    found: Sequence[int] = range(len(there.rows))
    if query.text:
        text, texts = query.text.casefold(), there.texts
        found = [number for number in found if text in texts[number]]
    if query.host is not None:
        found = [number for number in found if there.rows[number][0] == query.host]
    if query.states:
        found = [number for number in found if there.rows[number][1].state in query.states]
    return found


def _order_word(query: Query) -> str:
    return ("-" if query.descending else "") + query.order


def _cursor(last: tuple[str, InstanceSummary], query: Query) -> str:
    words = json.dumps(
        [_order_word(query), *_key(last, query.order, _never(query))], separators=(",", ":")
    )
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
