"""Naps, which need no processor: the most that a way of running them can gain."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.matrix import CALLS, SECONDS
from rayscale.suite.measure import Measure


@pytest.fixture
def calls() -> NDArray[np.int64]:
    """One row per nap."""
    return np.arange(CALLS)


def test_timer(measure: Measure, calls: NDArray[np.int64], size: str) -> None:
    """Every way of running the naps returns the rows."""
    measure(calls, expected=calls, bound={"seconds": SECONDS[size]})
