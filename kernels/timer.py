"""The timer: work that waits and needs no processor."""

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def timer(calls: ArrayLike, seconds: float = 1.0) -> NDArray[Any]:
    """Sleep once per row of *calls* and return the rows.

    Sleeping tasks share nothing, not even a core: any number of them can run
    at once on any machine.  So this shows the best that a way of running can
    reach, and what it adds.

    *calls* has its rows on the first axis; they come back as an array of the
    same shape and dtype.  *seconds* is the nap per row.  TypeError if *calls*
    has no axis; ValueError (from ``time.sleep``) if *seconds* is negative.

    Source: the published experiment, four calls of one second.

    >>> timer([10, 20], seconds=0.01)
    array([10, 20])
    """
    rows = np.asarray(calls)
    if rows.ndim == 0:
        raise TypeError(f"calls={calls!r} has no rows; give an array with one row per call")
    for _ in rows:
        time.sleep(seconds)
    return rows
