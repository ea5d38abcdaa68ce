"""From which size on does Ray pay?  Said only between sizes whose intervals carry it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rayscale.measured import MeasuredCase
from rayscale.ratio import Answer, Ratio
from rayscale.suite.crossing import Side, crossing

Cases = Sequence[MeasuredCase]
SIDES: dict[Answer, Side] = {"faster": "above", "slower": "below"}


def _size(case: MeasuredCase) -> str:
    """Return how much data a case has: points of a matrix, items of a list, or a name alone."""
    if case.points is None:
        return case.size
    noun = "points" if len(case.shape) > 1 else "items"
    return f"{case.size} ({case.points:,} {noun})"


@dataclass(frozen=True)
class BreakEven:
    """Between which places a way of running overtakes serial, as far as that is certain."""

    both: tuple[MeasuredCase, ...]  # its cases where serial was measured as well, in order
    below: MeasuredCase | None  # the last that is certainly slower
    above: MeasuredCase | None  # the first from which on all are certainly faster
    noun: str = "size"  # what they are in the order of
    say: Callable[[MeasuredCase], str] = _size

    @property
    def words(self) -> str:
        """Return it as the end of a sentence, after the way's name."""
        if len(self.both) < 2:
            return f"has fewer than two {self.noun}s in common with serial"
        if self.below and self.above:
            below, above = self.say(self.below), self.say(self.above)
            return f"overtakes serial between {below} and {above}"
        if self.above:
            return f"is faster than serial from {self.say(self.above)} on{self._rest(self.both[0])}"
        if self.below:
            return f"is slower than serial at {self.say(self.below)}{self._rest(self.both[-1])}"
        ends = f"{self.say(self.both[0])} and {self.say(self.both[-1])}"
        return f"cannot be told from serial between {ends}"

    def _rest(self, end: MeasuredCase) -> str:
        """Return what is known on the side of *end*, the smallest or the largest place."""
        if end is self.both[0]:
            smallest = f", the smallest {self.noun}"
            return smallest if self.above is end else "; below it cannot be told"
        return f", the largest {self.noun}" if self.below is end else "; above it cannot be told"


def break_even(serial: Cases, line: Cases) -> BreakEven:
    """Return where *line*, one way's cases in the order of their sizes, overtakes *serial*."""
    of_serial = {case.size: case for case in serial}
    both = [case for case in line if case.size in of_serial]
    return overtakes(both, [Ratio.of(of_serial[case.size], case) for case in both])


def overtakes(both: Cases, ratios: Sequence[Ratio]) -> BreakEven:
    """Return where one way's cases, in order, overtake serial by their *ratios* over it."""
    found = crossing([SIDES.get(one.answer, "unclear") for one in ratios])
    if found is None or len(both) < 2:
        return BreakEven(tuple(both), None, None)
    below = None if found.below is None else both[found.below]
    above = None if found.above is None else both[found.above]
    return BreakEven(tuple(both), below, above)


def sizes(cases: Cases) -> list[str]:
    """Return the sizes of *cases*, by their points or, where these tell them not apart, by time."""
    smallest = {
        size: min((case for case in cases if case.size == size), key=lambda case: case.median)
        for size in dict.fromkeys(case.size for case in cases)
    }
    if points_tell(cases):
        return sorted(smallest, key=lambda size: smallest[size].points or 0)
    return sorted(smallest, key=lambda size: smallest[size].median)


def points_tell(cases: Cases) -> bool:
    """Tell whether the points of each size of *cases* are known, and other ones at each size."""
    points = {case.size: case.points for case in cases}
    return None not in points.values() and len(set(points.values())) == len(points)


def lines(cases: Cases) -> dict[str, list[MeasuredCase]]:
    """Return each way's cases at its most CPUs, by size; none that is oversubscribed."""
    fair = [case for case in cases if not case.oversubscribed]
    order = sizes(fair)
    found = {}
    for way in dict.fromkeys(case.implementation for case in fair):
        own = [case for case in fair if case.implementation == way]
        most = max(case.cpus for case in own)
        at_most = [case for case in own if case.cpus == most]
        found[way] = sorted(at_most, key=lambda case: order.index(case.size))
    return found
