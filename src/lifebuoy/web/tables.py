"""Tables of pages: what is looked for, in which order, page by page. Pure.

For lists that are at hand whole; those of the database have cursors of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Depends, Query

from lifebuoy.errors import BadInput
from lifebuoy.operations import cursor as cursors

T = TypeVar("T")

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address of a table says. ``text`` is looked for, whatever the case; ``sort`` is the
    name of a column, with a dash before it the other way round; ``part`` asks for the table alone.
    """

    text: str
    sort: str
    cursor: str
    part: bool


def _wanted(
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=20)] = "",
    cursor: Annotated[str, Query(max_length=2000)] = "",
    part: bool = False,
) -> Wanted:
    return Wanted(q, sort, cursor, part)


Asked = Annotated[Wanted, Depends(_wanted)]


@dataclass(frozen=True, slots=True)
class Order(Generic[T]):
    """How the rows of a table are told apart and put in order.

    ``columns`` give what a row is sorted by, the first where nothing is said; numbers by
    ``number``. ``id`` tells rows of one value apart; ``text`` is what is looked through.
    """

    columns: Mapping[str, Callable[[T], str]]
    id: Callable[[T], str]
    text: Callable[[T], str]


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """The rows of a page; ``total`` counts all that match, ``next`` is the next page's cursor."""

    rows: tuple[T, ...]
    total: int
    next: str
    sort: str
    text: str


def number(value: int) -> str:
    """A number that is not negative, so that it is sorted as one."""
    return f"{value:020d}"


def shown(rows: Iterable[T], wanted: Wanted, order: Order[T]) -> Shown[T]:
    """The page that is wanted.

    Raises:
        BadInput: no column is called so; or the cursor is of another table or order.
    """
    sort = wanted.sort or next(iter(order.columns))
    column = order.columns.get(sort.removeprefix("-"))
    if column is None:
        known = ", ".join(order.columns)
        raise BadInput("a list cannot be sorted by that", hint=f"by one of: {known}")
    text = wanted.text.casefold()
    matching = sorted(
        ((column(row), order.id(row), row) for row in rows if text in order.text(row).casefold()),
        key=lambda one: one[:2],
        reverse=sort.startswith("-"),
    )
    rest = matching
    if wanted.cursor:
        word, value, id_ = cursors.read(wanted.cursor, 3)
        if word != sort:
            raise BadInput("the cursor is of no list that is sorted so", hint="begin anew")
        place = (value, id_)
        down = sort.startswith("-")
        rest = [one for one in matching if (one[:2] < place if down else one[:2] > place)]
    page = rest[:PAGE]
    more = len(rest) > len(page)
    next_ = cursors.written(sort, *page[-1][:2]) if more else ""
    return Shown(tuple(one[2] for one in page), len(matching), next_, sort, wanted.text)
