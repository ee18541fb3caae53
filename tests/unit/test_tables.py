"""Tables of pages: what is looked for, in order, and page by page; and their cursors."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lifebuoy import operations
from lifebuoy.accounts.model import Permission, Role
from lifebuoy.backup.book import ChangeKind, PointKind
from lifebuoy.errors import BadInput
from lifebuoy.operations import cursor
from lifebuoy.store.tables import Happening, Outcome
from lifebuoy.web import table_words
from lifebuoy.web.tables import PAGE, Order, Wanted, number, shown

Row = tuple[str, int]
ORDER: Order[Row] = Order(
    columns={"name": lambda row: row[0].casefold(), "size": lambda row: number(row[1])},
    id=lambda row: row[0],
    text=lambda row: row[0],
)


def rows(count: int) -> list[Row]:
    made = [(f"row-{index:04d}", index % 7) for index in range(count)]
    random.Random(1).shuffle(made)
    return made


def wanted(text: str = "", sort: str = "", after: str = "") -> Wanted:
    return Wanted(text, sort, after, False)


@pytest.mark.parametrize("sort", ["", "name", "-name", "size", "-size"])
def test_the_pages_together_are_the_whole_table_in_order(sort: str) -> None:
    every, after = rows(3 * PAGE + 7), ""
    found: list[Row] = []
    for _ in range(4):
        page = shown(every, wanted(sort=sort, after=after), ORDER)
        assert page.total == len(every)
        found += page.rows
        after = page.next
    assert after == "" and len(found) == len(every) and set(found) == set(every)
    key = 1 if "size" in sort else 0
    values = [row[key] for row in found]
    assert values == sorted(values, reverse=sort.startswith("-"))


def test_a_row_that_goes_meanwhile_neither_repeats_nor_hides_another() -> None:
    every = rows(PAGE + 10)
    first = shown(every, wanted(), ORDER)
    left = [row for row in every if row != first.rows[3]]
    second = shown(left, wanted(after=first.next), ORDER)
    assert len(second.rows) == 10 and not set(first.rows) & set(second.rows)


def test_what_is_looked_for_is_found_whatever_its_case() -> None:
    assert shown(rows(30), wanted(text="ROW-0007"), ORDER).rows == (("row-0007", 0),)
    assert shown(rows(30), wanted(text="nothing like it"), ORDER).rows == ()


def test_no_column_and_no_cursor_of_another_table_are_refused() -> None:
    page = shown(rows(PAGE + 1), wanted(sort="name"), ORDER)
    for bad in (
        wanted(sort="colour"),
        wanted(sort="size", after=page.next),
        wanted(after="x"),
        wanted(after="é" * 10),
        wanted(after=cursor.written("name")),
    ):
        with pytest.raises(BadInput):
            shown(rows(3), bad, ORDER)


@pytest.mark.parametrize("text", ["", "x", "!!!!", "bnVsbA", "W10", "WzEsMl0", "é", "W" * 5000])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        cursor.read(text, 2)


def test_a_cursor_is_read_as_it_was_written() -> None:
    for parts in (("a", "b"), ("", "救援"), ('"', "\\")):
        assert cursor.read(cursor.written(*parts), 2) == parts


def test_there_is_a_word_for_all_that_a_table_shows() -> None:
    for words, known in (
        (table_words.EVENTS, Happening),
        (table_words.OUTCOMES, Outcome),
        (table_words.ROLES, Role),
        (table_words.ROLES_MEAN, Role),
        (table_words.SCOPES, Permission),
        (table_words.POINT_KINDS, PointKind),
    ):
        assert set(words) == set(known)
    assert set(ChangeKind) - set(table_words.MERGES) == {ChangeKind.SWITCH, ChangeKind.COPY}
    source = "".join(one.read_text() for one in Path(operations.__file__).parent.glob("*.py"))
    for name in table_words.STEPS:
        assert f'"{name}"' in source, name
