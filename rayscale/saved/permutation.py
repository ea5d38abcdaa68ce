"""Permutation tests of many cases at once, the launch as the unit.

Timings from one process do not predict those of the next: launches of identical code differ by
1.5 to 8 % for their whole life.  So each launch counts once, with the logarithm of its median,
and whole launches are permuted: all cases of a launch stay together, which keeps what they have
in common.

Many cases are tested, so one of them will look slow by chance.  The step-down max-t method
compares the largest t with the distribution of the largest t of *all* cases under
permutation, the second with that of the others, and so on.  The probability of any false "slower"
is at most the level, and what cases have in common costs no power, as it does with Holm's method.

``scipy.stats.permutation_test`` has the same distribution, in five times the time; a
report on 1,000 launches makes 200 of these tests.

Source: Westfall & Young, Resampling-Based Multiple Testing, 1993, algorithm 4.1 (step-down maxT).
"""

import math
from itertools import combinations, count, product

import numpy as np
from numpy.typing import NDArray

MOST = 10_000  # permutations: all where there are no more, else so many random ones
SEED = 1993  # of those: the same launches always get the same p
NOTHING = 1e-24  # a variance below this is the rounding error of its own computation

Floats = NDArray[np.float64]


class Labels:
    """The permutations under which the launches could have been drawn.

    Any of the *old* and *new* launches could have been either; or, where the launches are
    *paired*, either of each pair.
    """

    def __init__(self, old: int, new: int, *, paired: bool) -> None:
        if paired and old != new:
            raise ValueError(f"pairs need as many old launches as new, not {old} and {new}")
        self.old, self.new, self.paired = old, new, paired
        self.weights = self._paired() if paired else self._unpaired()

    @property
    def least(self) -> float:
        """The smallest p that any launches can give."""
        return least(self.old, self.new, paired=self.paired)

    def _unpaired(self) -> Floats:
        """Return, per permutation, 1 for each launch taken for a new one; first the one drawn."""
        total = self.old + self.new
        drawn = np.arange(total) >= self.old
        if math.comb(total, self.new) <= MOST:
            chosen = np.array(list(combinations(range(total), self.new)), dtype=np.intp)
            weights = np.zeros((len(chosen), total))
            np.put_along_axis(weights, chosen.reshape(len(chosen), self.new), 1.0, axis=1)
            return weights[::-1]  # the last combination is the launches as drawn
        draw = np.random.default_rng(SEED)
        random = draw.permuted(np.tile(drawn, (MOST, 1)), axis=1)
        return np.vstack([drawn, random]).astype(np.float64)

    def _paired(self) -> Floats:
        """Return, per permutation, the sign of each pair's difference; first the ones drawn."""
        if 2**self.new <= MOST:
            return np.array(list(product((1.0, -1.0), repeat=self.new)))
        draw = np.random.default_rng(SEED)
        random = draw.choice((1.0, -1.0), size=(MOST, self.new))
        return np.vstack([np.ones(self.new), random])

    def statistics(self, old: Floats, new: Floats) -> Floats:
        """Return the t of new - old, (permutation, case); the first row is as drawn.

        *old* and *new* are (launch, case), of logarithms of seconds.  It is Welch's t, or
        Student's of the pairs' differences: the one that the interval is made of.
        """
        return self._of_pairs(new - old) if self.paired else self._of_sets(old, new)

    def _of_sets(self, old: Floats, new: Floats) -> Floats:
        values = np.vstack([old, new])
        values = values - values.mean(axis=0)  # so the old ones' sum is minus the new ones'
        total, squares = self.weights @ values, self.weights @ values**2
        means = total / self.new, -total / self.old
        within_new = squares - self.new * means[0] ** 2
        within_old = (values**2).sum(axis=0) - squares - self.old * means[1] ** 2
        variance = within_new / (self.new * (self.new - 1)) + within_old / (
            self.old * (self.old - 1)
        )
        return _t(means[0] - means[1], variance)

    def _of_pairs(self, differences: Floats) -> Floats:
        mean = self.weights @ differences / self.new
        within = (differences**2).sum(axis=0) - self.new * mean**2
        return _t(mean, within / ((self.new - 1) * self.new))


def least(old: int, new: int, *, paired: bool) -> float:
    """Return the smallest p that so many launches can give.

    >>> 1 / least(5, 5, paired=False), 1 / least(7, 7, paired=True)
    (252.0, 128.0)
    """
    return 1 / min(2**new if paired else math.comb(old + new, new), MOST + 1)


def enough(level: float, *, paired: bool) -> int | None:
    """Return how many launches of each can be told from chance at *level*; None if no number can.

    >>> enough(0.01, paired=False), enough(0.01, paired=True), enough(1e-9, paired=True)
    (5, 7, None)
    """
    if level < 1 / (MOST + 1):
        return None
    return next(number for number in count(2) if least(number, number, paired=paired) <= level)


def _t(difference: Floats, variance: Floats) -> Floats:
    """Return difference / its standard error; where nothing varies, 0 or beyond any bound."""
    return difference / np.sqrt(np.maximum(variance, NOTHING))


def step_down(statistics: Floats) -> Floats:
    """Return the adjusted p of each case, from :meth:`Labels.statistics`.

    p is the share of permutations, the one drawn included, whose largest t is as
    large: over all cases for the case with the largest t, over the others for the next, ...;
    and never below that of a case before it.
    """
    order = np.argsort(-statistics[0])
    ordered = statistics[:, order]
    # The largest t of a case and all that come after it.
    largest = np.maximum.accumulate(ordered[:, ::-1], axis=1)[:, ::-1]
    as_large = _share(largest, ordered[0])
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(as_large)
    return adjusted


def single(statistics: Floats) -> Floats:
    """Return the p of each case for itself."""
    return _share(statistics, statistics[0])


def critical(statistics: Floats, level: float) -> float:
    """Return the smallest t at which p, for the case with the largest t, is within *level*.

    >>> critical(np.arange(252.0)[:, None], 0.01)  # 2 of 252 are 0.8 %, 3 are 1.2 %
    250.0
    """
    largest = np.sort(statistics.max(axis=1))
    as_large = int(level * len(largest) * (1 + 1e-9))  # permutations that may reach it
    return float(largest[-as_large]) if as_large else math.inf


def _share(statistics: Floats, drawn: Floats) -> Floats:
    """Return the share of permutations that reach what was *drawn*, rounding set aside."""
    shares: Floats = (statistics >= drawn - 1e-9 * np.abs(drawn)).mean(axis=0)
    return shares
