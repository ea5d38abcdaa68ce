"""The moving average of each row: the mean of the last *window* points, of fewer at the start.

All kernels here take the same arguments and, of finite values, give the same averages:

*data* is a matrix whose rows are independent series, or a single series; any
integer or floating dtype, any memory order, read-only or not, empty or not.  It is
never written to.  *window* is a whole number of points, at least 1; where a row
has fewer points so far, those are averaged.  The result is float64, of the shape
of *data*.  TypeError if *data* is not numeric or *window* not a whole number;
ValueError if *data* has not one or two dimensions or *window* is below 1.

A NaN makes every window that holds it NaN; pandas and bottleneck leave it out instead.
"""

import operator
from typing import Any, SupportsIndex

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

# Points per row block: 1 MiB an array, so that the three at work stay in the cache.
# Measured on 2 cores of an AMD EPYC (512 KiB of L2 each, 32 MiB of L3): 2**14 to 2**18
# points take 3.4, 3.0, 2.8, 2.6 and 2.9 ms for 1000x1000; below, the calls cost, above, the cache.
BLOCK_POINTS = 2**17


def moving_average_loop(data: ArrayLike, window: SupportsIndex = 10) -> NDArray[np.float64]:
    """Average each window by a call of ``np.mean``: the published, interpreted loop.

    One interpreted call per point, about 2.7 us each: the slow kernel that Ray
    is asked to rescue.  The published code averages 11 points for a window of
    10 (``row[j - window : j + 1]``); here *window* means what its name says, so its
    output is that of ``window=11``.

    >>> moving_average_loop([1, 2, 6, 7], window=3)
    array([1. , 1.5, 3. , 5. ])
    """
    rows, width = _rows(data), _whole(window)
    averages = np.empty(rows.shape)
    for i, row in enumerate(rows.astype(np.float64, copy=False)):
        for j in range(len(row)):
            averages[i, j] = np.mean(row[max(0, j + 1 - width) : j + 1])
    return averages.reshape(np.shape(data))


def moving_average_numpy(data: ArrayLike, window: SupportsIndex = 10) -> NDArray[np.float64]:
    """Average all windows at once by about 2 log2(*window*) shifted additions.

    The sums of 2k points are the sums of k points added to themselves, k places
    on; the binary digits of *window*, from the highest, say when to double and
    when to append one point.  Whole blocks of rows are added as one flat series: windows that
    reach into the row before are wrong and are then replaced by the averages of the row's first
    points.  There is no running sum, so nothing drifts, and a NaN, an infinity or a 1e16
    touches the windows that hold it and no other.

    The error is that of the additions on one path: measured, at most 4 units in the last place
    of the window's largest absolute value for windows up to 64, and 5 up to 1500.
    Sums beyond the float64 range are infinite.

    >>> moving_average_numpy([1, 2, 6, 7], window=3)
    array([1. , 1.5, 3. , 5. ])
    """
    rows, width = _rows(data), _whole(window)
    averages = np.empty(rows.shape)
    if rows.size:
        # Sums across two rows may meet inf - inf or overflow; they are replaced below.
        with np.errstate(invalid="ignore", over="ignore"):
            width = min(width, rows.shape[1])
            _average_full_windows(rows, width, averages)
            _average_first_points(rows, width, averages)
    return averages.reshape(np.shape(data))


def moving_average_pandas(data: ArrayLike, window: SupportsIndex = 10) -> NDArray[np.float64]:
    """Average with pandas' ``rolling``: the library that most people would ask.

    It keeps a running sum with compensation, per column; the matrix is given to it
    in the layout that it likes, one series per column.

    >>> moving_average_pandas([1, 2, 6, 7], window=3)
    array([1. , 1.5, 3. , 5. ])
    """
    rows, width = _rows(data), _whole(window)
    series = pd.DataFrame(rows.astype(np.float64, copy=False).T)
    width = min(width, max(1, len(series)))  # pandas takes no Python int beyond 64 bits
    averages = series.rolling(width, min_periods=1).mean().to_numpy().T
    return np.ascontiguousarray(averages).reshape(np.shape(data))


def moving_average_cumsum(data: ArrayLike, window: SupportsIndex = 10) -> NDArray[np.float64]:
    """Average as textbooks do: by differences of prefix sums, which drift.

    A mean is off by as much as the row's prefix sums are rounded, not by what its window holds.
    So a 1e16 in a row spoils all means after it, and an infinity makes them NaN.

    >>> moving_average_cumsum([1, 2, 6, 7], window=3)
    array([1. , 1.5, 3. , 5. ])
    """
    rows, width = _rows(data), _whole(window)
    count, length = rows.shape
    width = min(width, max(1, length))
    sums = np.zeros((count, length + 1))
    np.cumsum(rows, axis=1, dtype=np.float64, out=sums[:, 1:])
    averages = sums[:, 1:].copy()
    averages[:, width:] -= sums[:, 1:-width]
    averages /= np.minimum(np.arange(1, length + 1), width)
    return averages.reshape(np.shape(data))


def moving_average_bottleneck(data: ArrayLike, window: SupportsIndex = 10) -> NDArray[np.float64]:
    """Average with bottleneck's ``move_mean``: one running sum in C, which drifts as well.

    ModuleNotFoundError where bottleneck is not installed.

    >>> moving_average_bottleneck([1, 2, 6, 7], window=3)
    array([1. , 1.5, 3. , 5. ])
    """
    import bottleneck

    rows, width = _rows(data).astype(np.float64, copy=False), _whole(window)
    if not rows.size:
        return rows.reshape(np.shape(data)).copy()
    averages = bottleneck.move_mean(rows, min(width, rows.shape[1]), min_count=1)
    return np.asarray(averages, dtype=np.float64).reshape(np.shape(data))


def _rows(data: ArrayLike) -> NDArray[Any]:
    """Return *data* as a matrix of rows, or say why it is none."""
    rows = np.asarray(data)
    if rows.dtype.kind not in "iuf":
        raise TypeError(f"data has dtype {rows.dtype}; give an integer or floating dtype")
    if rows.ndim not in (1, 2):
        raise ValueError(f"data has {rows.ndim} dimensions; give one row or a matrix of rows")
    return np.atleast_2d(rows)


def _whole(window: SupportsIndex) -> int:
    """Return *window* as an int of at least 1, or say why it is none."""
    need = "give a whole number of points, at least 1"
    try:
        width = operator.index(window)
    except TypeError:
        raise TypeError(f"window={window!r} is not a whole number; {need}") from None
    if width < 1:
        raise ValueError(f"window={window!r} is below 1; {need}")
    return width


def _average_full_windows(rows: NDArray[Any], window: int, averages: NDArray[np.float64]) -> None:
    """Write the averages of all full windows; leave the first window - 1 columns of no meaning."""
    count, length = rows.shape
    step = min(count, max(1, BLOCK_POINTS // length))
    buffers = np.empty((2, step * length))
    for start in range(0, count, step):
        block = rows[start : start + step]
        points = np.ascontiguousarray(block, dtype=np.float64).reshape(-1)
        sums = _window_sums(points, window, *buffers[:, : points.size])
        ends = averages[start : start + step].reshape(-1)[window - 1 :]
        np.divide(sums[: len(ends)], window, out=ends)


def _window_sums(
    points: NDArray[np.float64],
    window: int,
    spare: NDArray[np.float64],
    other: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return an array whose item i, while all are there, is the sum of *window* points from i on.

    Counted from where a window starts, not ends, so that no addition's output is shifted.
    """
    sums, size, count = points, 1, len(points)
    for digit in f"{window:b}"[1:]:
        full = count - 2 * size + 1
        np.add(sums[:full], sums[size : size + full], out=spare[:full])
        sums, spare, other = spare, other, spare
        size *= 2
        if digit == "1":
            full -= 1
            np.add(sums[:full], points[size:], out=sums[:full])
            size += 1
    return sums


def _average_first_points(rows: NDArray[Any], window: int, averages: NDArray[np.float64]) -> None:
    """Write the averages of the first 1, 2, ..., window - 1 points of each row.

    Prefix sums by doubling, along the first axis of the transposed columns: log2(window)
    contiguous additions instead of one strided sum per row.
    """
    columns = window - 1
    counts = np.arange(1.0, window)[:, np.newaxis]
    step = max(1, BLOCK_POINTS // window)
    for start in range(0, len(rows) if columns else 0, step):
        block = slice(start, start + step)
        sums = np.array(rows[block, :columns].T, dtype=np.float64, order="C")
        spare, size = np.empty_like(sums), 1
        while size < columns:
            spare[:size] = sums[:size]
            np.add(sums[size:], sums[:-size], out=spare[size:])
            sums, spare = spare, sums
            size *= 2
        averages[block, :columns] = (sums / counts).T
