"""Moving averages of independent series: does Ray pay for a loop, and for vectorised code?"""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.matrix import SHAPES
from kernels.moving_average import moving_average_pandas
from rayscale.suite.measure import Measure


@pytest.fixture
def series(size: str) -> NDArray[np.float64]:
    """Standard-normal series, one per row; the same for all arms."""
    return np.random.default_rng(seed=2020).standard_normal(SHAPES[size])


def test_moving_average(measure: Measure, series: NDArray[np.float64]) -> None:
    """Every kernel, run every way, gives the library's moving averages."""
    measure(series, expected=moving_average_pandas(series))
