"""A result that is not the expected one: one sentence says what is wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.case import Case
from rayscale.suite.check import Expectation, ResultError
from rayscale.suite.rows import Pieces, cut, join
from rayscale.suite.stage import Stage
from rayscale.suite.trial import Trial, read_only
from rayscale.suite.ways import Kernel, serial

ROWS = np.arange(12.0).reshape(4, 3)
FLOATS = st.floats(-1e6, 1e6)


def serially(rows: Any) -> Trial:
    """Return a serial case on *rows*, set up."""
    case = Case("made_up", "kernel", "serial", 1, "small", "")
    return Trial(case, serial, read_only(rows), Stage(None, (), None))


def sentence(expected: Any, kernel: Kernel, rows: Any, pieces: int = 1) -> str:
    """Return what is said where *kernel*, on *rows* in so many *pieces*, gives another result."""
    result = join(rows, [kernel(piece) for piece in cut(rows, pieces)])
    with pytest.raises(ResultError) as refused:
        Expectation(expected).prove(result, kernel, rows, "mine")
    return str(refused.value)


@given(value=FLOATS, share=st.floats(-2, 2), rtol=st.floats(0, 0.1), atol=st.floats(1e-3, 1))
def test_numbers_may_differ_by_the_tolerance(
    value: float, share: float, rtol: float, atol: float
) -> None:
    """Up to ``atol + rtol * abs(expected)`` a number is the expected one, and beyond it is not."""
    if 0.99 < abs(share) < 1.01:
        return  # at the edge, rounding decides
    result = value + share * (atol + rtol * abs(value))

    difference = Expectation([value], rtol, atol).difference(np.array([result]))

    assert (difference is None) == (abs(share) < 1)


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        (ROWS, ROWS * (1 + 1e-10)),
        (ROWS, ROWS.astype(np.float32).astype(float)),
        ([1, 2], np.array([1.0, 2.0])),
        ([np.int64(1), np.float32(2)], np.array([1, 2])),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
        ([], []),
        (["a", "b"], ["a", "b"]),
        (("a", "b"), ["a", "b"]),
        ([np.array([1.0]), np.array([2.0, 3.0])], [np.array([1.0]), np.array([2.0, 3.0])]),
        ([None, {"a": ROWS}], [None, {"a": ROWS * (1 + 1e-10)}]),
        (7, 7.0),
        ("text", "text"),
        (np.array(["a", "b"]), np.array(["a", "b"])),
    ],
)
def test_equal_things_are_as_expected(expected: Any, result: Any) -> None:
    """Numbers of any dtype, NaN, strings, mappings and lists of anything are compared by value."""
    assert Expectation(expected).difference(result) is None


@pytest.mark.parametrize(
    ("expected", "result", "words"),
    [
        (ROWS, ROWS[:, :2], "expected= has shape (4, 3), and the result has (4, 2)"),
        (np.ones(3), np.ones((3, 1)), "expected= has shape (3,), and the result has (3, 1)"),
        (np.ones(3), 1.0, "expected= has shape (3,), and the result has ()"),  # no broadcasting
        (["a", "b"], ["a"], "expected= has 2 items, and the result has 1"),
        (["a", "b"], np.array(["a"]), "expected= is of type list, and the result of type ndarray"),
        (["a", "b"], ["a", "c"], "item 1: 'c' is not 'b'"),
        ([["a"], ["b"]], [["a"], ["c"]], "item 1: item 0: 'c' is not 'b'"),
        ([{"a": ROWS}], [{"a": ROWS[1:]}], "item 0: 'a': expected= has shape (4, 3)"),
        ([{"a": 1}], [{"b": 1}], "item 0: {'b': 1} is not {'a': 1}"),
        ({"a": 1}, None, "None is not {'a': 1}"),
        (np.array([np.nan]), np.array([0.0]), "nan location mismatch"),
    ],
)
def test_difference_is_named(expected: Any, result: Any, words: str) -> None:
    """The words say where the result differs, and never show whole arrays."""
    difference = Expectation(expected).difference(result)

    assert difference is not None
    assert words in difference
    assert "\n" not in difference
    assert len(difference) < 500


def test_numbers_that_differ_are_measured() -> None:
    """The words say how many numbers differ, and by how much at most."""
    result = ROWS.copy()
    result[2, 1] += 0.5

    difference = Expectation(ROWS).difference(result)

    assert difference is not None
    assert "rtol=1e-09, atol=1e-12" in difference
    assert "Mismatched elements: 1 / 12 (8.33%)" in difference
    assert "Max absolute difference among violations: 0.5" in difference


def test_fewer_rows_are_named() -> None:
    """A kernel that loses rows is known by their number."""
    assert sentence(ROWS, lambda rows: rows[1:], ROWS) == (
        "the kernel mine returned 3 rows for 4; a kernel returns as many rows as it is given"
    )


def test_rows_that_depend_on_each_other_are_named() -> None:
    """A kernel that is right on all rows and wrong in pieces needs what is not in its piece."""

    def running_sum(rows: Any) -> Any:
        return np.cumsum(rows, axis=0)

    said = sentence(running_sum(ROWS), running_sum, ROWS, pieces=2)

    assert said.startswith(
        "the kernel mine is right on all rows at once and wrong in pieces; are the rows "
        "independent of each other? Not equal to tolerance"
    )


def test_wrong_result_is_named() -> None:
    """A kernel that is wrong on all rows, too, is simply wrong."""
    said = sentence(ROWS, np.negative, ROWS, pieces=2)

    assert said.startswith("the kernel mine does not give what is expected: Not equal to tolerance")


def test_joined_result_has_any_number_of_rows() -> None:
    """Where the benchmark says how results are put together, they need not be as many as items."""
    pieces = Pieces([1, 2, 3], join=sum)

    Expectation(6).prove(6, sum, pieces, "mine")
    Expectation(6).prove(6, sum, pieces, "mine")
    assert sentence(7, sum, pieces).startswith("the kernel mine does not give what is expected")


def _overwrite(rows: Any) -> Any:
    rows[0] = 0
    return rows


def _overwrite_first(rows: Any) -> Any:
    rows[0][:] = 0
    return rows


@pytest.mark.parametrize(
    ("rows", "kernel"),
    [
        (ROWS, _overwrite),
        ([ROWS, ROWS], _overwrite_first),
        (Pieces(ROWS, join=np.concatenate), _overwrite),
    ],
    ids=["array", "list-of-arrays", "pieces"],
)
def test_kernel_that_writes_to_its_input_fails(rows: Any, kernel: Kernel) -> None:
    """Arrays are read-only also serially, in lists and pieces; the note says what to do."""
    with pytest.raises(ValueError, match="read-only") as refused:
        serially(rows).check(kernel, Expectation(ROWS), "case")

    assert refused.value.__notes__[-1] == (
        "the kernel kernel writes to its input; rows are read-only in every arm, because Ray's "
        "workers share them: have it work on a copy"
    )
    assert ROWS[0, 1] == 1  # the caller's own


@pytest.mark.parametrize(
    "change",
    [lambda items: items.sort(), lambda items: items.pop(), lambda items: items.append("d")],
    ids=["sorts", "takes", "adds"],
)
def test_kernel_that_changes_its_list_fails(change: Callable[[list[str]], Any]) -> None:
    """Otherwise the serial arm would go on with another list than Ray's arms."""
    given = ["c", "a", "b"]

    def kernel(items: list[str]) -> list[str]:
        result = list(items)
        change(items)
        return result

    with pytest.raises(ResultError, match=r"the kernel kernel changes the list .* on a copy"):
        serially(given).check(kernel, Expectation(given), "case")
