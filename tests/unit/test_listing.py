"""Lists in pages: nothing is shown twice or passed over, whatever comes and goes meanwhile."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifebuoy.errors import BadInput
from lifebuoy.model import InstanceState, RunState
from lifebuoy.operations.listing import Order, Page, Query, order_of, page
from lifebuoy.operations.status import InstanceSummary

Row = tuple[str, InstanceSummary]


def one(
    number: int, name: str = "vm", host: str = "web", memory_mib: int = 64, expires: str = ""
) -> Row:
    state = InstanceState.RUNNING if number % 2 else InstanceState.STOPPED
    uuid = f"00000000-0000-4000-8000-{number:012}"
    found = InstanceSummary(name, uuid, None, state, RunState.STOPPED, memory_mib, False)
    return host, replace(found, expires=expires)


ROWS = st.lists(
    st.builds(
        one,
        st.integers(0, 999),
        st.sampled_from(["a", "B", "b", "c", "é"]),
        st.sampled_from(["", "db", "web"]),
        st.sampled_from([64, 128]),
        st.sampled_from(["", "2030-01-31T23:59:59Z", "2031-01-31T23:59:59Z"]),
    ),
    unique_by=lambda row: (row[0], row[1].uuid),
    max_size=12,
)


@given(ROWS, st.sampled_from(Order), st.booleans(), st.integers(1, 5))
def test_pages_together_are_the_list(
    rows: list[Row], order: Order, descending: bool, limit: int
) -> None:
    shown: list[Row] = []
    cursor = ""
    while True:
        found = page(rows, Query(order=order, descending=descending, limit=limit, cursor=cursor))
        assert found.total == len(rows) and len(found.rows) <= limit
        shown += found.rows
        cursor = found.next
        if not cursor:
            break
    assert sorted(shown, key=str) == sorted(rows, key=str)
    dated = [row for row in shown if row[1].expires]
    if order is Order.EXPIRES:
        assert shown[: len(dated)] == dated  # what never ends comes last, both ways round
    values = [value_of(row, order) for row in (dated if order is Order.EXPIRES else shown)]
    assert all(a >= b if descending else a <= b for a, b in pairwise(values))


@given(
    ROWS,
    st.sampled_from(["", "b", "É", "0000000001"]),
    st.sets(st.sampled_from([InstanceState.RUNNING, InstanceState.STOPPED])),
    st.sampled_from([None, "", "web"]),
    st.booleans(),
)
def test_what_matches_is_shown_and_nothing_else(
    rows: list[Row], text: str, states: set[InstanceState], host: str | None, descending: bool
) -> None:
    query = Query(text=text, states=frozenset(states), host=host, descending=descending)
    found = page(rows, query)
    wanted = [
        row
        for row in rows
        if (host is None or row[0] == host)
        and (not states or row[1].state in states)
        and (text.casefold() in row[1].name.casefold() or text in row[1].uuid)
    ]
    assert sorted(found.rows, key=str) == sorted(wanted, key=str)
    assert found.total == len(wanted) and found.next == ""


def value_of(row: Row, order: Order) -> Any:
    host, found = row
    value = host if order is Order.HOST else getattr(found, order.value)
    return value.casefold() if order is Order.NAME else value


def test_what_comes_and_goes_before_the_cursor_changes_nothing_after_it() -> None:
    rows = [one(number, f"vm{number:02}") for number in range(6)]
    first: Page = page(rows, Query(limit=3))
    rest = [one(99, "aa"), *rows[2:]]
    second = page(rest, Query(limit=3, cursor=first.next))
    assert [summary.name for _, summary in second.rows] == ["vm03", "vm04", "vm05"]


def test_only_what_matches_is_shown() -> None:
    rows = [one(1, "Web1"), one(2, "db1", "db"), one(3, "web2", "db")]

    def names(query: Query) -> list[str]:
        return [summary.name for _, summary in page(rows, query).rows]

    assert names(Query(text="WEB")) == ["Web1", "web2"]
    assert names(Query(text="000000000002")) == ["db1"]
    assert names(Query(host="db")) == ["db1", "web2"]
    assert names(Query(states=frozenset({InstanceState.STOPPED}))) == ["db1"]


@pytest.mark.parametrize(
    "words",
    [
        "x",
        "!",
        "[]",
        '["name"]',
        '["name",1,"","",""]',
        '["-name","","","",""]',
        "1",
        "null",
        "[" * 9,
    ],
)
def test_a_cursor_that_is_none_is_refused(words: str) -> None:
    cursor = base64.urlsafe_b64encode(words.encode()).decode()
    for text in (cursor, words):
        with pytest.raises(BadInput):
            page([], Query(cursor=text))


def test_a_cursor_of_another_order_is_refused() -> None:
    rows = [one(1, "a"), one(2, "b")]
    found = page(rows, Query(limit=1))
    with pytest.raises(BadInput):
        page(rows, Query(limit=1, cursor=found.next, descending=True))
    assert json.loads(base64.urlsafe_b64decode(found.next + "==="))[0] == "name"


def test_orders_and_limits_that_are_none_are_refused() -> None:
    assert order_of("-memory_mib") == (Order.MEMORY, True)
    for word in ("", "-", "--name", "uuid"):
        with pytest.raises(BadInput):
            order_of(word)
    for limit in (0, 501):
        with pytest.raises(BadInput):
            page([], Query(limit=limit))
