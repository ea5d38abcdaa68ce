"""Intervals that hold whatever the distribution of the timings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom


class Interval(NamedTuple):
    """Bounds, both included."""

    low: float
    high: float


def median_interval(seconds: Sequence[float], confidence: float) -> Interval | None:
    """Return an interval that holds the median with probability *confidence* or more.

    Its bounds are the k-th smallest and the k-th largest of *seconds*: the median lies
    outside with probability 2 P(B < k), B binomial with n trials of 1/2, for any
    distribution of independent rounds of one launch.  It says nothing about the next launch.
    None where there are too few rounds, such as six for 97.5 %.

    Source: W. R. Thompson, Annals of Mathematical Statistics 7 (1936) 122-128.

    >>> median_interval([3.0, 1.0, 2.0, 4.0, 7.0, 6.0, 5.0], confidence=0.975)
    Interval(low=1.0, high=7.0)
    >>> median_interval([1.0, 2.0, 3.0], confidence=0.975) is None
    True
    """
    # The largest k with 2 P(B < k) below 1 - confidence.  At n = 7: k = 1 misses with
    # 2 / 2**7 = 0.0156, k = 2 with 2 (1 + 7) / 2**7 = 0.125.
    rank = int(binom.ppf((1 - confidence) / 2, len(seconds), 0.5))
    if rank < 1:
        return None
    ordered = np.sort(np.asarray(seconds, dtype=np.float64))
    return Interval(float(ordered[rank - 1]), float(ordered[-rank]))


def speed_up(serial: Interval, parallel: Interval) -> Interval:
    """Return how many times faster *parallel* ran than *serial*.

    Both are intervals of seconds; so the quotient of opposite ends bounds the
    ratio, and it holds if both inputs do: with two 97.5 % intervals, 95 %.

    >>> speed_up(Interval(4.0, 4.4), Interval(1.0, 1.1))
    Interval(low=3.6363636363636362, high=4.4)
    """
    return Interval(serial.low / parallel.high, serial.high / parallel.low)
