"""From which bandwidth on does a way of cutting pay, if its bytes cross a network?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rayscale.intervals import Interval
from rayscale.ratio import Ratio
from rayscale.report.network import MB, megabytes
from rayscale.report.prediction import Line
from rayscale.report.prediction_table import IN_WORDS
from rayscale.report.tables import Table
from rayscale.report.tariff import Points
from rayscale.suite.sentences import marked
from rayscale.text import count, digits, duration

NONE: Points = ((0.0, 0.0),)  # what it takes to move bytes on one node, where that is not known
NOTE = (
    "A call saves the serial time, less what it would take with no network in it: the work of the "
    "rows, Ray's time for its tasks where the CPUs were, and for its bytes on one node. It pays "
    "where the network moves its bytes in less than that: bytes moved / time saved. It is reckoned "
    "as if all bytes crossed the network, one after the other. The intervals are those of the "
    "predictions."
)
Verdict = Literal["pays", "never", "unsure"]


@dataclass(frozen=True)
class Need:
    """What bandwidth a way of running needs on some CPUs to be as fast as serial."""

    line: Line
    cpus: int
    moved: float  # bytes, in and out
    alone: float  # seconds of the serial call
    ratio: Ratio  # the speed-up that is expected with no network, with its 95 % interval

    @property
    def verdict(self) -> Verdict:
        """Whether it pays at some bandwidth."""
        low, high = self._bounds
        return "pays" if low > 1 else "never" if high <= 1 else "unsure"

    @property
    def bandwidth(self) -> float:
        """Bytes a second, from which on it pays; infinite where it does at none."""
        return self._needed(self.ratio.value)

    @property
    def interval(self) -> Interval:
        """Its 95 % interval."""
        low, high = self._bounds
        return Interval(self._needed(high), self._needed(low))

    @property
    def _bounds(self) -> Interval:
        return self.ratio.interval or Interval(0.0, math.inf)

    def _needed(self, ratio: float) -> float:
        return self.moved / (self.alone * (1 - 1 / ratio)) if ratio > 1 else math.inf

    @property
    def words(self) -> str:
        """Return from where on it pays, as the end of a sentence."""
        if self.verdict == "never":
            return "at no bandwidth"
        low, high = self.interval
        if self.verdict == "unsure":
            return f"from {megabytes(low)} on at the earliest, if at all"
        return f"from {megabytes(self.bandwidth)} [{digits(low / MB)}, {digits(high / MB)}] on"


def needs(lines: Sequence[Line]) -> list[Need]:
    """Return what bandwidth each way of each kernel needs, on the most CPUs of its cases.

    By what its tasks took on other nodes, if that was measured; by what their bytes took on the
    driver's node, which has no network in it, or nothing.
    """
    near = [one.source.costs for one in lines if one.where.kind == "on the driver's node"]
    given, taken = (near[0].given, near[0].taken) if near else (NONE, NONE)
    own: dict[tuple[str, ...], Line] = {}
    for line in sorted(lines, key=lambda one: one.source.away):  # the farthest comes last
        case = line.serial
        own[case.problem, case.size, case.kernel, line.way] = line
    return [_need(one, given, taken) for one in own.values()]


def _need(line: Line, given: Points, taken: Points) -> Need:
    costs = replace(line.source.costs, given=given, taken=taken)
    local = replace(line, source=replace(line.source, costs=costs, away=0.0))
    cpus = max(case.cpus for case in line.cases)
    predicted, alone = local.at(cpus, line.rows), line.serial.median
    ratio = _no_more(predicted.ratio, alone / predicted.call.work)
    return Need(line, cpus, line.moved(line.rows), alone, ratio)


def _no_more(ratio: Ratio, most: float) -> Ratio:
    """Return a speed-up that is not above *most*: that of the work alone, cut as it is."""
    low, high = ratio.interval or Interval(0.0, math.inf)
    return Ratio(min(ratio.value, most), Interval(min(low, most), min(high, most)), ratio.n)


def sentences(found: Sequence[Need]) -> Iterator[str]:
    """Return for each kernel from which bandwidth on each cut pays, the least first."""
    kernels = dict.fromkeys(_kernel(one) for one in found)
    for kernel in kernels:
        own = sorted((one for one in found if _kernel(one) == kernel), key=_order)
        said = "; ".join(f"{_cut(one)} {one.words}" for one in own)
        moved = digits(max(one.moved for one in own) / MB)
        yield f"{kernel}: if all {moved} MB of a call cross the network, Ray pays {said}."


def _order(one: Need) -> tuple[float, float]:
    return one.bandwidth, one.interval.low


def _kernel(one: Need) -> str:
    case = one.line.serial
    return f"{case.problem} {case.kernel} {case.size}"


def _cut(one: Need) -> str:
    return f"{IN_WORDS.get(one.line.way, one.line.way)} on {count(one.cpus, 'CPU')}"


def table(found: Sequence[Need]) -> Table:
    """Return what bandwidth each cut needs, a line each."""
    return Table(
        "From which bandwidth on does a cut pay?",
        (
            *("case", "way of running", "pays"),
            *("CPUs", "moved", "serial", "speed-up with no network [95 %] (n)"),
        ),
        tuple(
            (
                *(_kernel(one), one.line.way, one.words, str(one.cpus)),
                *(f"{digits(one.moved / MB)} MB", _serial(one), str(one.ratio)),
            )
            for one in found
        ),
        words=3,
    )


def _serial(one: Need) -> str:
    return f"{duration(one.alone)}{marked(one.line.serial)}"
