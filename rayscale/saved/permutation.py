"""Permutation tests of many cases at once, the launch as the unit.

One process's timings of a case are no sample of the next process's: launches of identical code
differ by 1.5 to 8 % for their whole life.  So each launch counts once, with the logarithm of its
median, and what is permuted are whole launches: all cases of a launch stay together, which keeps
what they have in common.

Many cases are tested, so one of them will look slow by chance. The step-down max-t method
compares the slowest-looking case with what the slowest-looking of *all* cases is under
permutation, the second with the second, and so on.  The probability of any false "slower" is at
most the level, and what cases share costs no power, as it does with Holm's method.

Source: Westfall & Young, Resampling-Based Multiple Testing, 1993, algorithm 4.1 (step-down maxT).
"""

import math
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

MOST = 10_000  # permutations: all where there are no more, else so many random ones
SEED = 1993  # of those: the same launches always get the same p

Floats = NDArray[np.float64]


class Labels:
    """The permutations under which the launches could have been drawn.

    Either *old* and *new* launches, any of which could have been either, or, where both numbers
    are the same and the launches are *paired*, which of each pair was which.
    """

    def __init__(self, old: int, new: int, *, paired: bool) -> None:
        if paired and old != new:
            raise ValueError(f"pairs need as many old launches as new, not {old} and {new}")
        self.old, self.new, self.paired = old, new, paired
        self.count = 2**new if paired else math.comb(old + new, new)
        self.weights = self._paired() if paired else self._unpaired()

    @property
    def least(self) -> float:
        """The smallest p that any launches can give."""
        return 1 / min(self.count, MOST + 1)

    def _unpaired(self) -> Floats:
        """Return, per permutation, 1 for each launch taken for a new one; first the one drawn."""
        total = self.old + self.new
        drawn = np.arange(total) >= self.old
        if self.count <= MOST:
            chosen = np.array(list(combinations(range(total), self.new)), dtype=np.intp)
            weights = np.zeros((len(chosen), total))
            np.put_along_axis(weights, chosen.reshape(len(chosen), self.new), 1.0, axis=1)
            return weights[::-1]  # the last combination is the launches as drawn
        draw = np.random.default_rng(SEED)
        random = draw.permuted(np.tile(drawn, (MOST, 1)), axis=1)
        return np.vstack([drawn, random]).astype(np.float64)

    def _paired(self) -> Floats:
        """Return, per permutation, the sign of each pair's difference; first the ones drawn."""
        if self.count <= MOST:
            return np.array(list(product((1.0, -1.0), repeat=self.new)))
        draw = np.random.default_rng(SEED)
        random = draw.choice((1.0, -1.0), size=(MOST, self.new))
        return np.vstack([np.ones(self.new), random])

    def statistics(self, old: Floats, new: Floats) -> Floats:
        """Return Student's t of new - old, (permutation, case); the first row is as drawn.

        *old* and *new* are (launch, case), of logarithms of seconds.  The variance is the
        pooled one, or that of the pairs' differences.
        """
        if self.paired:
            return self._of_pairs(new - old)
        values = np.vstack([old, new])
        values = values - values.mean(axis=0)
        total = len(values)
        # With values centred, the groups' means are s / new and -s / old, s the new ones' sum; so
        # their difference d says it all: within = all squares - d**2 old new / total.
        difference = self.weights @ values * (total / (self.old * self.new))
        scale = self.old * self.new / total
        within = (values**2).sum(axis=0) - scale * difference**2
        return _t(difference, within / ((total - 2) * scale))

    def _of_pairs(self, differences: Floats) -> Floats:
        mean = self.weights @ differences / self.new
        within = (differences**2).sum(axis=0) - self.new * mean**2
        return _t(mean, within / ((self.new - 1) * self.new))


def _t(difference: Floats, variance: Floats) -> Floats:
    """Return difference / its standard error; where nothing varies, 0 or infinity.

    A variance below the rounding error of its own computation is none.
    """
    error = np.sqrt(np.maximum(variance, 1e-24))
    return difference / error


def step_down(statistics: Floats) -> Floats:
    """Return the adjusted p of each case, from :meth:`Labels.statistics`.

    p is the share of permutations, the one drawn included, whose largest t is
    as large: over all cases for the case with the largest t, over the others for the next, ...;
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
    """Return the t from which on the largest-looking case is called slower."""
    return float(np.quantile(statistics.max(axis=1), 1 - level, method="higher"))


def _share(statistics: Floats, drawn: Floats) -> Floats:
    """Return the share of permutations that reach what was *drawn*, rounding set aside."""
    shares: Floats = (statistics >= drawn - 1e-9 * np.abs(drawn)).mean(axis=0)
    return shares
