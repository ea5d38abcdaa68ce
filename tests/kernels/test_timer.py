"""The timer naps once per row and hands the rows back."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from kernels.timer import timer


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The naps that the timer took, in seconds; none of them is slept."""
    taken: list[float] = []
    # The timer's own name for the clock: Ray's threads sleep by the real one.
    monkeypatch.setattr("kernels.timer.time", SimpleNamespace(sleep=taken.append))
    return taken


@pytest.mark.parametrize("shape", [(1,), (4,), (3, 5), (2, 0)])
def test_timer_naps_once_per_row(naps: list[float], shape: tuple[int, ...]) -> None:
    """There is one nap per row, of the length asked for, however long the row is."""
    timer(np.zeros(shape), seconds=0.25)
    assert naps == [0.25] * shape[0]


def test_timer_naps_a_second(naps: list[float]) -> None:
    """A nap lasts one second unless one says otherwise, as published."""
    timer([1, 2, 3, 4])
    assert naps == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("shape", [(0,), (0, 5)])
def test_timer_without_rows_does_not_nap(naps: list[float], shape: tuple[int, ...]) -> None:
    """No rows take no time, and come back as no rows of the same width."""
    assert timer(np.zeros(shape)).shape == shape
    assert naps == []


@pytest.mark.parametrize(
    "calls",
    [np.arange(4), np.arange(6, dtype="int8").reshape(2, 3), np.array(["a", "b"]), [1.5, 2.5]],
    ids=["int64", "int8 matrix", "strings", "list"],
)
@pytest.mark.usefixtures("naps")
def test_timer_returns_rows(calls: ArrayLike) -> None:
    """The rows come back as they are: values, dtype and shape."""
    returned = timer(calls)
    np.testing.assert_array_equal(returned, calls)
    assert returned.dtype == np.asarray(calls).dtype


def test_timer_refuses_scalar(naps: list[float]) -> None:
    """A single number is no row: a TypeError that shows it and says what is needed."""
    message = "calls=7 has no rows; give an array with one row per call"
    with pytest.raises(TypeError, match=message):
        timer(7)
    assert naps == []


def test_timer_refuses_negative_nap() -> None:
    """Nobody sleeps for less than no time: the ValueError of time.sleep comes through."""
    with pytest.raises(ValueError, match="non-negative"):
        timer([1], seconds=-1.0)
