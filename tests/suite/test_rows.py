"""The input of a kernel: how it is cut, how results are put together, what is saved of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.rows import Pieces, RowsError, cut, cut_each, give_whole, join
from rayscale.suite.trial import nbytes, shape

LENGTHS = st.integers(0, 40)
NUMBERS = st.integers(1, 50)


def evens(items: int, number: int) -> list[range]:
    """Cut the numbers below *items* into *number* ranges, of every number-th one."""
    return [range(first, items, number) for first in range(min(number, items))]


@given(length=LENGTHS, number=NUMBERS)
def test_cut_pieces_are_all_rows_in_order(length: int, number: int) -> None:
    """However many pieces, each row is in one of them, at its place; the longer ones come first."""
    pieces = cut(list(range(length)), number)
    sizes = [len(piece) for piece in pieces]

    assert [row for piece in pieces for row in piece] == list(range(length))
    assert len(pieces) == max(1, min(number, length))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


@given(length=LENGTHS, number=NUMBERS, kind=st.sampled_from([list, tuple, np.array]))
def test_results_of_pieces_are_put_together(length: int, number: int, kind: Any) -> None:
    """Arrays, lists and tuples come back as what the kernel gives for all rows at once."""
    rows = np.arange(2 * length).reshape(length, 2)

    def kernel(block: Any) -> Any:
        return kind([row.sum() for row in block])

    result = join(rows, [kernel(piece) for piece in cut(rows, number)])

    assert type(result) is type(kernel(rows))
    assert list(result) == list(kernel(rows))


@given(length=LENGTHS)
def test_each_row_is_a_piece(length: int) -> None:
    """A piece for each row has one row; without rows there is one piece without any."""
    assert cut_each("x" * length) == (["x"] * length or [""])


@given(items=st.integers(1, 30), number=NUMBERS)
def test_own_split_and_join_are_used(items: int, number: int) -> None:
    """What has no length is cut as the benchmark says, and put together as it says."""
    pieces = Pieces(items, split=evens, join=sum)

    assert join(pieces, [sum(piece) for piece in cut(pieces, number)]) == sum(range(items))
    assert pieces.given == items  # so many rows were handed out


def test_rows_that_are_given_are_counted() -> None:
    """The count by which work is proven is of what was handed out: overlapping pieces count twice.

    Serially all items are given once, whatever they are.
    """

    def overlapping(items: Sequence[int], number: int) -> list[Sequence[int]]:
        return [items[:3], items[1:]]

    pieces = Pieces([1, 2, 3, 4], split=overlapping)
    assert cut(pieces, 2) == [[1, 2, 3], [2, 3, 4]]
    assert pieces.given == 6
    assert give_whole(pieces) == [1, 2, 3, 4]
    assert pieces.given == 10


def test_own_split_alone_leaves_joining_to_the_type() -> None:
    """A benchmark that says only how its input is cut gets its lists put together."""
    assert join(Pieces(9, split=evens), [[0, 2], [1]]) == [0, 2, 1]


def test_input_without_rows_is_refused() -> None:
    """The sentence says what the input is, and how it could be cut."""
    with pytest.raises(RowsError, match=r"of type generator has no rows .* with split="):
        cut((one for one in "ab"), 2)


def test_task_for_each_row_needs_rows() -> None:
    """An input of no length has no rows, also where it is known how to cut it: the way is named."""
    with pytest.raises(RowsError, match=r"of type int has no rows .* leave ray_per_row out"):
        cut_each(Pieces(7, split=evens))


def test_results_that_cannot_be_put_together_are_refused() -> None:
    """The sentence says of what type they are, and what to return or to give."""
    with pytest.raises(RowsError, match=r"type dict .* return arrays or lists, .* join="):
        join([1, 2], [{"a": 1}, {"a": 2}])
    assert join([1, 2], [{"a": 1}]) == {"a": 1}  # one piece needs no joining


def test_input_is_saved_by_its_shape_and_bytes() -> None:
    """An array has its shape and bytes, a list its length; what does not travel has no bytes."""
    assert shape(np.zeros((2, 3))) == [2, 3]
    assert shape(["a", "b"]) == [2]
    assert shape(Pieces(np.zeros((2, 3)))) == [2, 3]
    assert nbytes(np.zeros((2, 3))) == 6 * 8
    assert nbytes(Pieces(np.zeros((2, 3)), join=lambda results: results)) == 6 * 8
    assert nbytes(["a" * 1000]) > 1000
    assert nbytes(lambda: 1) == 0
