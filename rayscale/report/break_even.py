"""From which size on does Ray pay?  Said only between sizes whose intervals carry it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rayscale.measured import MeasuredCase
from rayscale.ratio import Answer, Ratio
from rayscale.suite.crossing import Side, crossing

Cases = Sequence[MeasuredCase]
SIDES: dict[Answer, Side] = {"faster": "above", "slower": "below"}


@dataclass(frozen=True)
class BreakEven:
    """Between which sizes a way of running overtakes serial, as far as that is certain."""

    both: tuple[MeasuredCase, ...]  # its cases at the sizes that serial has as well, by size
    below: MeasuredCase | None  # the last that is certainly slower
    above: MeasuredCase | None  # the first from which on all are certainly faster

    @property
    def words(self) -> str:
        """Return it as the end of a sentence, after the way's name."""
        if len(self.both) < 2:
            return "has fewer than two sizes in common with serial"
        if self.below and self.above:
            return f"overtakes serial between {_size(self.below)} and {_size(self.above)}"
        if self.above:
            return f"is faster than serial from {_size(self.above)} on{self._rest(self.both[0])}"
        if self.below:
            return f"is slower than serial at {_size(self.below)}{self._rest(self.both[-1])}"
        ends = f"{_size(self.both[0])} and {_size(self.both[-1])}"
        return f"cannot be told from serial between {ends}"

    def _rest(self, end: MeasuredCase) -> str:
        """Return what is known on the side of *end*, the smallest or the largest size."""
        if end is self.both[0]:
            return ", the smallest size" if self.above is end else "; below it cannot be told"
        return ", the largest size" if self.below is end else "; above it cannot be told"


def break_even(serial: Cases, line: Cases) -> BreakEven:
    """Return where *line*, one way's cases in the order of their sizes, overtakes *serial*."""
    of_serial = {case.size: case for case in serial}
    both = tuple(case for case in line if case.size in of_serial)
    answers = [Ratio.of(of_serial[case.size], case).answer for case in both]
    found = crossing([SIDES.get(answer, "unclear") for answer in answers])
    if found is None or len(both) < 2:
        return BreakEven(both, None, None)
    below = None if found.below is None else both[found.below]
    above = None if found.above is None else both[found.above]
    return BreakEven(both, below, above)


def _size(case: MeasuredCase) -> str:
    """Return how much data a case has: points of a matrix, items of a list, or a name alone."""
    if case.points is None:
        return case.size
    noun = "points" if len(case.shape) > 1 else "items"
    return f"{case.size} ({case.points:,} {noun})"


def sizes(cases: Cases) -> list[str]:
    """Return the sizes of *cases*, by their points or, where no shape is known, by their time."""
    smallest = {
        size: min((case for case in cases if case.size == size), key=lambda case: case.median)
        for size in dict.fromkeys(case.size for case in cases)
    }
    if all(case.points is not None for case in cases):
        return sorted(smallest, key=lambda size: smallest[size].points or 0)
    return sorted(smallest, key=lambda size: smallest[size].median)


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
