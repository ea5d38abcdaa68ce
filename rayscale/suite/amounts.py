"""Work of a known amount: rows that are nothing but additions, naps, bytes in or bytes out.

*rows* is a matrix; all return one row per row.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray


def additions(rows: NDArray[Any], number: int) -> NDArray[Any]:
    """Do *number* interpreted additions per row, a fixed amount of work, and return the rows.

    >>> additions(np.array([[1], [2]]), number=3)
    array([[1],
           [2]])
    """
    for _ in rows:
        total = 0.0
        for addend in range(number):
            total += addend
    return rows


def naps(rows: NDArray[Any], seconds: float) -> NDArray[Any]:
    """Sleep so many *seconds* per row, which needs no core, and return the rows.

    >>> naps(np.array([[1], [2]]), seconds=0.001)
    array([[1],
           [2]])
    """
    for _ in rows:
        time.sleep(seconds)
    return rows


def bytes_in(rows: NDArray[Any]) -> NDArray[Any]:
    """Take rows of any length, and return the first item of each.

    >>> bytes_in(np.array([[1, 2, 3], [4, 5, 6]]))
    array([[1],
           [4]])
    """
    return rows[:, :1]


def bytes_out(rows: NDArray[Any], number: int) -> NDArray[np.uint8]:
    """Return *number* bytes per row, all 1.

    >>> bytes_out(np.array([[0], [0]]), number=2)
    array([[1, 1],
           [1, 1]], dtype=uint8)
    """
    return np.ones((len(rows), number), dtype=np.uint8)
