"""A way of running timed beside another, in pairs: one call of each, in an order that a coin draws.

Ways that share a machine differ by a few per cent, and rounds one after the other by more: the
machine's speed wanders.  Two calls back to back meet the same speed, and their ratio tells.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rayscale.intervals import round_interval

MOST = 1000  # pairs: more would tell no more, and take memory


@dataclass
class Pairs:
    """The rounds of *other*, each beside a round of a case that somebody else times.

    ``before`` is to be called before each round of the case, and ``end`` after the last one: so
    that the two calls of a pair follow each other, and either may be the first.
    """

    other: Callable[[], object]
    clock: Callable[[], float]  # that of the case, too
    coin: random.Random = field(default_factory=random.SystemRandom)
    seconds: list[float] = field(default_factory=list)
    _is_due: bool = False

    def before(self) -> None:
        """Call the other, if its turn is before the case's; first of all, if it is due."""
        self.end()
        if self.coin.random() < 0.5:
            self._observe()
        else:
            self._is_due = True

    def end(self) -> None:
        """Call the other, if its turn is after the case's."""
        if self._is_due:
            self._observe()
        self._is_due = False

    def _observe(self) -> None:
        start = self.clock()
        self.other()
        self.seconds.append(self.clock() - start)


def rounds(fewest: int, seconds: float, most_seconds: float) -> int:
    """Return how many pairs of *seconds* each are taken in *most_seconds*, at least *fewest*.

    >>> rounds(7, seconds=2.5, most_seconds=1.0), rounds(7, seconds=0.01, most_seconds=1.0)
    (7, 100)
    """
    return max(fewest, int(min(MOST, most_seconds / seconds)))


def compared(implementation: str, own: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """Return what is saved of pairs: how many times as fast as *other* a case ran, round by round.

    The ratio is the median of the pairs' ratios, with its 95 % interval, which holds for any
    distribution of independent pairs; ends of None where they are too few.  ValueError if a round
    of the case's own has none of the other.  (A profiler calls both once more, after all rounds.)

    >>> compared("ray_blocks", own=[1.0, 2.0, 1.0], other=[2.0, 2.0, 3.0])["ratio"]
    2.0
    """
    other = other[: len(own)]
    ratios = [theirs / ours for ours, theirs in zip(own, other, strict=True)]
    ends = round_interval(ratios, confidence=0.95)
    return {
        "implementation": implementation,
        "median": median(other),
        "ratio": median(ratios),
        "low": ends and ends.low,
        "high": ends and ends.high,
        "n": len(ratios),
    }
