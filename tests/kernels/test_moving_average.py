"""The moving-average kernels against pandas, exact sums, bad values and bad arguments."""

import math
import re
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import ArrayLike, NDArray

from kernels.moving_average import (
    moving_average_bottleneck,
    moving_average_cumsum,
    moving_average_loop,
    moving_average_numpy,
    moving_average_pandas,
)

Floats = NDArray[np.float64]
MovingAverage = Callable[..., Floats]

EXACT = (moving_average_loop, moving_average_numpy, moving_average_pandas)
DRIFTING = (moving_average_cumsum, moving_average_bottleneck)
KERNELS = EXACT + DRIFTING
DTYPES = (
    *("int8", "int16", "int32", "int64", ">i4", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", ">f8", "longdouble"),
)
each_kernel = pytest.mark.parametrize(
    "kernel", KERNELS, ids=lambda one: one.__name__.removeprefix("moving_average_")
)


def matrices(
    elements: st.SearchStrategy[float], rows: int = 6, columns: int = 40
) -> st.SearchStrategy[Floats]:
    """Return matrices of up to *rows* x *columns*, some with an empty axis."""
    shapes = st.tuples(st.integers(0, rows), st.integers(0, columns))
    return hnp.arrays(np.float64, shapes, elements=elements)


def rolling(data: Floats, window: int) -> Floats:
    """Return what pandas gives, row by row."""
    rows = [pd.Series(row).rolling(window, min_periods=1).mean().to_numpy() for row in data]
    return np.array(rows).reshape(data.shape)


def published(data: Floats, window: int) -> Floats:
    """Return what the published code computes: window + 1 points, where there are as many."""
    rows = [
        [np.mean(row[j - window : j + 1] if j >= window else row[: j + 1]) for j in range(len(row))]
        for row in data
    ]
    return np.array(rows)


def normals(*shape: int) -> Floats:
    """Return standard normals, the same each time."""
    return np.random.default_rng(seed=2020).standard_normal(shape)


@given(
    kernel=st.sampled_from(EXACT), data=matrices(st.floats(-1000, 1000)), window=st.integers(1, 90)
)
def test_kernel_agrees_with_pandas(kernel: MovingAverage, data: Floats, window: int) -> None:
    """A kernel gives pandas' rolling means of at least one point, for windows of any length."""
    # One unit in the last place of 1000 is 1.1e-13; 40 points cannot add up to 100 of them.
    np.testing.assert_allclose(kernel(data, window), rolling(data, window), rtol=0, atol=1e-11)


@given(
    kernel=st.sampled_from(DRIFTING),
    data=matrices(st.floats(-1000, 1000)),
    window=st.integers(1, 90),
)
def test_running_sum_agrees_as_far_as_it_is_rounded(
    kernel: MovingAverage, data: Floats, window: int
) -> None:
    """A kernel with a running sum is off by no more than the row's sums can be rounded."""
    # Up to 80 additions and subtractions, each of a sum of at most 40 * 1000, rounded by 2**-53.
    most = 80 * 40 * 1000 * 2.0**-53
    np.testing.assert_allclose(kernel(data, window), rolling(data, window), rtol=0, atol=2 * most)


@pytest.mark.parametrize("kernel", DRIFTING, ids=["cumsum", "bottleneck"])
def test_running_sum_drifts_where_the_numpy_kernel_does_not(kernel: MovingAverage) -> None:
    """After a 1e16 the means of a running sum are spoilt: its last digit is 2."""
    data = np.full(20, 0.3)
    data[3] = 1e16
    np.testing.assert_allclose(moving_average_numpy(data, 2)[5:], 0.3, rtol=1e-15)
    assert np.abs(kernel(data, 2)[5:] - 0.3).max() > 0.1


@each_kernel
def test_kernel_reproduces_published_output(kernel: MovingAverage) -> None:
    """The published window of 10 holds 11 points: its output is ours with 11, not with 10."""
    data = normals(5, 60)
    np.testing.assert_allclose(kernel(data, window=11), published(data, 10), rtol=0, atol=1e-14)
    assert np.abs(kernel(data, window=10) - published(data, 10)).max() > 0.01


@each_kernel
@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_takes_every_numeric_dtype(kernel: MovingAverage, dtype: str) -> None:
    """Integers and floats of every width are averaged in float64, without overflow on the way."""
    averages = kernel(np.array([[1, 2, 6, 7], [100, 126, 127, 127]], dtype), window=3)
    assert averages.dtype == np.dtype("float64")
    # 1, 3 / 2, 9 / 3, 15 / 3 and 100, 226 / 2, 353 / 3, 380 / 3; an int8 ends at 127.
    expected = [[1, 1.5, 3, 5], [100, 113, 353 / 3, 380 / 3]]
    np.testing.assert_allclose(averages, expected, rtol=1e-15)


@each_kernel
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "float16", "float32"])
def test_kernel_averages_the_largest_values(kernel: MovingAverage, dtype: str) -> None:
    """The mean of three times a dtype's largest value is that value, not an overflow."""
    kind = np.dtype(dtype)
    largest = np.iinfo(kind).max if kind.kind in "iu" else np.finfo(kind).max
    np.testing.assert_allclose(kernel(np.full(3, largest, kind), 3), float(largest), rtol=1e-15)


def _read_only(data: Floats) -> Floats:
    frozen = data.copy()
    frozen.flags.writeable = False
    return frozen


LAYOUTS: dict[str, Callable[[Floats], ArrayLike]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "sliced": lambda data: np.repeat(np.repeat(data, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda data: data[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": _read_only,
    "list": lambda data: data.tolist(),
}


@each_kernel
@pytest.mark.parametrize("window", [1, 4, 100])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_kernel_takes_every_layout(kernel: MovingAverage, layout: str, window: int) -> None:
    """The memory layout of the input changes nothing, and the input is not changed either."""
    data = normals(7, 12)
    given_data = LAYOUTS[layout](data)
    np.testing.assert_array_equal(kernel(given_data, window), kernel(data.copy(), window))
    np.testing.assert_array_equal(given_data, data)


@each_kernel
@pytest.mark.parametrize(
    "shape", [(9,), (1,), (0,), (1, 9), (9, 1), (3, 9), (0, 5), (5, 0), (0, 0)]
)
def test_kernel_keeps_shape(kernel: MovingAverage, shape: tuple[int, ...]) -> None:
    """The averages have the shape of the data, a single series and nothing at all included."""
    assert kernel(normals(*shape), window=4).shape == shape


@each_kernel
@pytest.mark.parametrize("window", [1, 2, 5, 100])
def test_kernel_shares_no_memory(kernel: MovingAverage, window: int) -> None:
    """A result is the caller's own: no later call changes it, and it is no view of the input."""
    one, two = normals(2, 4, 30)
    first = kernel(one, window)
    kept = first.copy()
    second = kernel(two, window)
    np.testing.assert_array_equal(first, kept)
    for other in (second, one, two):
        assert not np.shares_memory(first, other)
    assert not np.shares_memory(second, two)


@given(
    data=matrices(st.floats(-1000, 1000)).filter(np.size),
    window=st.integers(1, 60),
    bad=st.sampled_from([np.nan, np.inf, -np.inf, 1e16]),
    where=st.floats(0, 1, exclude_max=True),
)
def test_numpy_kernel_confines_bad_value(
    data: Floats, window: int, bad: float, where: float
) -> None:
    """A bad value changes the windows that hold it; all others are the same to the last bit."""
    clean = moving_average_numpy(data, window)
    row, column = np.unravel_index(int(where * data.size), data.shape)
    spoilt = data.copy()
    spoilt[row, column] = bad
    averages = moving_average_numpy(spoilt, window)
    hit = np.zeros(data.shape, dtype=bool)
    hit[row, column : column + window] = True
    assert averages[~hit].tobytes() == clean[~hit].tobytes()
    if np.isfinite(bad):  # 1e16 / 60 is 1.7e14, the other values are at most 1000
        assert averages[hit].min() > 1e14
    else:
        np.testing.assert_array_equal(averages[hit], bad)


@pytest.mark.parametrize("window", [2, 3, 4, 7, 8])
def test_numpy_kernel_keeps_infinities_in_their_rows(window: int) -> None:
    """An inf at a row's end beside a -inf at the next row's start gives no NaN and no warning."""
    data = np.zeros((3, 8))
    data[0, -1], data[1, 0] = np.inf, -np.inf
    # The rows are longer than the windows or as long: only one window of the first row holds
    # the inf, and the first `window` windows of the second hold the -inf.
    expected = np.zeros((3, 8))
    expected[0, -1], expected[1, :window] = np.inf, -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        averages = moving_average_numpy(data, window)
    np.testing.assert_array_equal(averages, expected)


def worst_error(row: Floats, window: int) -> float:
    """Return the largest error, in units in the last place of its window's largest value."""
    windows = [row[max(0, end - window) : end] for end in range(1, len(row) + 1)]
    exact = np.array([math.fsum(points) / len(points) for points in windows])
    units = np.spacing([np.abs(points).max() for points in windows])
    return float(np.max(np.abs(moving_average_numpy(row, window) - exact) / units))


@settings(derandomize=True)  # the bound was measured: no draw of a later day shall decide
@given(
    row=hnp.arrays(np.float64, st.integers(1, 100), elements=st.floats(-1e300, 1e300)),
    window=st.integers(1, 64),
)
def test_numpy_kernel_rounds_little(row: Floats, window: int) -> None:
    """Each mean of up to 64 points is within 4 units in the last place of its largest point."""
    assert worst_error(row, window) <= 4


@pytest.mark.parametrize("window", [64, 319, 1023, 1500])
def test_numpy_kernel_rounds_once_per_addition(window: int) -> None:
    """The error grows with the additions on one path, one unit each, not with the points."""
    # An addition rounds by at most 2**-53 of the sum so far, for the mean 2**-53 of the largest
    # point, which is less than one unit; the division and fsum itself add as much each.  There is
    # one addition per binary digit of the window after the first, one more per 1 among them.
    # Points just below 2 come near: 5 units at 319 (100111111, 8 + 6 additions).
    row = 2 - np.random.default_rng(seed=319).random(2 * window) * 2.0**-40
    digits = f"{window:b}"[1:]
    assert worst_error(row, window) <= len(digits) + digits.count("1") + 2


@pytest.mark.parametrize("points", [1, 7, 13, 64, 10**9])
@pytest.mark.parametrize("window", [1, 2, 5, 13, 50])
def test_numpy_kernel_does_not_depend_on_blocks(
    points: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the rows are cut into blocks for the cache does not change a bit of the result."""
    data = normals(11, 13)
    whole = moving_average_numpy(data, window)
    monkeypatch.setattr("kernels.moving_average.BLOCK_POINTS", points)
    assert moving_average_numpy(data, window).tobytes() == whole.tobytes()


@each_kernel
@pytest.mark.parametrize("window", [0, -1])
def test_kernel_refuses_window_below_one(kernel: MovingAverage, window: int) -> None:
    """A window without a point is a ValueError that says what is needed."""
    message = f"window={window} is below 1; give a whole number of points, at least 1"
    with pytest.raises(ValueError, match=re.escape(message)):
        kernel([1.0, 2.0], window)


@each_kernel
@pytest.mark.parametrize("window", [2.5, 3.0, "3", None], ids=repr)
def test_kernel_refuses_window_that_is_no_whole_number(
    kernel: MovingAverage, window: object
) -> None:
    """A window that is no integer is a TypeError that shows it and says what is needed."""
    message = f"window={window!r} is not a whole number; give a whole number of points, at least 1"
    with pytest.raises(TypeError, match=re.escape(message)):
        kernel([1.0, 2.0], window)


@each_kernel
@pytest.mark.parametrize(
    ("data", "dtype"),
    [(["1", "2"], "<U1"), ([1j], "complex128"), ([True], "bool"), ([1, None], "object")],
    ids=["strings", "complex", "bool", "objects"],
)
def test_kernel_refuses_data_that_are_no_numbers(
    kernel: MovingAverage, data: list[object], dtype: str
) -> None:
    """Data that are neither integers nor floats are a TypeError that names their dtype."""
    message = f"data has dtype {dtype}; give an integer or floating dtype"
    with pytest.raises(TypeError, match=re.escape(message)):
        kernel(data, 3)


@each_kernel
@pytest.mark.parametrize("data", [3.0, np.zeros((2, 3, 4))], ids=["0-D", "3-D"])
def test_kernel_refuses_data_without_rows(kernel: MovingAverage, data: ArrayLike) -> None:
    """Data of no dimension, or of three, are a ValueError that says how many they have."""
    message = f"data has {np.ndim(data)} dimensions; give one row or a matrix of rows"
    with pytest.raises(ValueError, match=re.escape(message)):
        kernel(data, 3)
