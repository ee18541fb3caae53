"""The hash of a large file is the same however its zeros are kept, and no other file's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifebuoy.hypervisor.contenthash import BLOCK_BYTES, ContentHash

PIECES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 2 * BLOCK_BYTES), st.integers(0, 255)), max_size=6
)


def of(pieces: list[tuple[bool, int, int]], *, holes: bool) -> str:
    found = ContentHash()
    for zeros, length, byte in pieces:
        if zeros and holes:
            found.hole(length)
        else:
            found.data(bytes(length) if zeros else bytes([byte]) * length)
    return found.end()


@given(PIECES)
def test_holes_are_zeros(pieces: list[tuple[bool, int, int]]) -> None:
    assert of(pieces, holes=True) == of(pieces, holes=False)


def test_place_and_size_count() -> None:
    one = [(False, 1, 7), (True, 3 * BLOCK_BYTES, 0)]
    other = [(True, BLOCK_BYTES, 0), (False, 1, 7), (True, 2 * BLOCK_BYTES, 0)]
    longer = [*one, (True, 1, 0)]
    assert len({of(pieces, holes=True) for pieces in (one, other, longer, [], [(True, 1, 0)])}) == 5
