"""Moving averages of independent series: does Ray pay for a loop, and for vectorised code?"""

import numpy as np

from benchmarks import matrix
from kernels.moving_average import moving_average_pandas
from rayscale import Measure


@matrix.moving_average
def test_moving_average(measure: Measure, size: tuple[int, int]) -> None:
    """Every kernel, run every way, gives the library's moving averages."""
    series = np.random.default_rng(seed=2020).standard_normal(size)
    measure(series, expected=moving_average_pandas(series))
