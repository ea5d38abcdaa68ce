"""Naps, which need no processor: the most that a way of running them can gain."""

import numpy as np

from benchmarks import matrix
from rayscale import Measure


@matrix.naps
def test_timer(measure: Measure, size: tuple[int, float]) -> None:
    """Every way of running the naps returns the rows."""
    number, seconds = size
    calls = np.arange(number)
    measure(calls, expected=calls, bound={"seconds": seconds})
