"""From which length on do ratios stay above a level?  Said only where intervals carry it."""

import math
from dataclasses import dataclass

from rayscale.intervals import Interval
from rayscale.ratio import Ratio
from rayscale.suite.crossing import Crossing, Side, crossing
from rayscale.suite.laws import Estimate, level_crossed
from rayscale.text import duration, percent

UNKNOWN = Interval(0.0, math.inf)  # of a ratio, where there are too few rounds


@dataclass(frozen=True)
class Rise:
    """Ratios at *lengths*, which ascend, in seconds, and the *level* that they may rise over."""

    lengths: tuple[float, ...]
    ratios: tuple[Ratio, ...]
    level: float

    @property
    def sides(self) -> tuple[Side, ...]:
        """Where each ratio certainly is."""
        return tuple(self._side(one) for one in self.ratios)

    def _side(self, ratio: Ratio) -> Side:
        low, high = ratio.interval or UNKNOWN
        if self.level == 1 and ratio.answer == "about as fast":  # said so wherever it is shown
            return "unclear"
        return "above" if low > self.level else "below" if high < self.level else "unclear"

    @property
    def crossing(self) -> Crossing | None:
        """Between which lengths the level is reached; None where it is lost again."""
        return crossing(self.sides)

    @property
    def estimate(self) -> Estimate | None:
        """The length at which the level is reached, in seconds, with its interval.

        Joined by straight lines over the logarithm of the length, the ratio's upper bounds reach
        the level where a length may be enough, its lower bounds where it certainly is.
        None unless both happen between lengths that were measured.
        """
        found = self.crossing
        if not found or found.below is None or found.above is None:
            return None
        bounds = [one.interval or UNKNOWN for one in self.ratios]
        middle = level_crossed(self.lengths, [one.value for one in self.ratios], self.level)
        low = level_crossed(self.lengths, [one.high for one in bounds], self.level)
        high = level_crossed(self.lengths, [one.low for one in bounds], self.level)
        if middle is None or low is None or high is None:
            return None
        return Estimate(middle, Interval(low, high))

    @property
    def known(self) -> str | None:
        """Return the length in words, or None where that cannot be told."""
        if estimate := self.estimate:
            low, high = map(duration, estimate.interval)
            rounds = min(one.n for one in self.ratios)
            return f"{duration(estimate.value)} [{low}, {high}] (n={rounds})"
        found = self.crossing
        if found and found.above is not None:
            return f"at most {duration(self.lengths[found.above])}"
        if found and found.below is not None:
            return f"more than {duration(self.lengths[found.below])}"
        return None

    @property
    def doubt(self) -> str:
        """Return why it cannot be told."""
        if any(one.interval is None for one in self.ratios):
            return "too few timings"
        if self.crossing is None:
            return "longer ones lose what shorter ones reached"
        return f"all intervals hold {'1' if self.level == 1 else percent(self.level)}"
