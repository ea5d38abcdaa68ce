"""How the input of a kernel is cut into pieces, and how the results are put together.

By default it is cut between rows: an array along its first axis, a list or whatever else has a
length and slices between its items.  Results are put together by their type: arrays are
concatenated, lists and tuples are joined.  ``Pieces`` are cut and joined in a way of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from rayscale.suite.witness import count


class RowsError(TypeError):
    """The input cannot be cut, or the results cannot be put together; the message says why."""


@dataclass
class Pieces:
    """An input with its own way of being cut, and of its results being put together.

    *split(items, number)* returns at most *number* pieces; *join(results)*, of the pieces in their
    order, returns what the kernel gives for all *items* at once.  Where one is None, it is done as
    for rows.  *given* counts the rows that were handed out.
    """

    items: Any
    split: Callable[[Any, int], Sequence[Any]] | None = None
    join: Callable[[Sequence[Any]], Any] | None = None
    given: int = field(default=0, init=False)


def whole(rows: Any) -> Any:
    """Return all of *rows*, as a kernel gets them."""
    return rows.items if isinstance(rows, Pieces) else rows


def give_whole(rows: Any) -> Any:
    """Return all of *rows*, to be given to a kernel."""
    if isinstance(rows, Pieces):
        rows.given += count(rows.items)
    return whole(rows)


def cut(rows: Any, number: int) -> list[Any]:
    """Return at most *number* pieces of adjacent rows, sizes differing by one at most.

    None is empty, unless there are no rows: then that is the one piece.

    >>> cut([1, 2, 3, 4, 5], 2)
    [[1, 2, 3], [4, 5]]
    """
    if not isinstance(rows, Pieces):
        return _adjacent(rows, number)
    split = rows.split or _adjacent
    pieces = list(split(rows.items, number))
    rows.given += sum(count(piece) for piece in pieces)
    return pieces


def cut_each(rows: Any) -> list[Any]:
    """Return a piece for each row; the one empty piece if there are none."""
    items = whole(rows)
    if not hasattr(items, "__len__"):
        raise RowsError(
            f"an input of type {type(items).__name__} has no rows to give a task to each; leave "
            "ray_per_row out, with ways="
        )
    return cut(rows, max(1, len(items)))


def _adjacent(rows: Any, number: int) -> list[Any]:
    length = _length(rows)
    number = max(1, min(number, length))
    each, longer = divmod(length, number)
    ends = [place * each + min(place, longer) for place in range(number + 1)]
    return [rows[start:end] for start, end in pairwise(ends)]


def _length(rows: Any) -> int:
    if not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__")):
        raise RowsError(
            f"an input of type {type(rows).__name__} has no rows to cut between; give an array or "
            "a list, or say how it is cut with split="
        )
    return len(rows)


def join(rows: Any, results: Sequence[Any]) -> Any:
    """Return the *results* of the pieces of *rows* as one.

    >>> join([1, 2, 3], [[1, 4], [9]])
    [1, 4, 9]
    """
    if isinstance(rows, Pieces) and rows.join is not None:
        return rows.join(results)
    if len(results) == 1:
        return results[0]
    first = results[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(results)
    if isinstance(first, list | tuple):
        return type(first)(chain.from_iterable(results))
    raise RowsError(
        f"results of type {type(first).__name__} cannot be put together; return arrays or lists, "
        "or say how with join="
    )
