"""How long must a task be?  METG(50 %), the minimum effective task granularity."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rayscale.intervals import Interval
from rayscale.ratio import Ratio
from rayscale.report.subject import ProbeTiming
from rayscale.suite.crossing import Crossing, Side, crossing
from rayscale.suite.laws import Estimate, level_crossed
from rayscale.text import count, duration
from rayscale.where import ANYWHERE, Where

COMPUTING, SLEEPING = "task_length", "nap_length"  # probes of tasks of some length
TASKS = "ray_per_row"  # the way that sends Ray's tasks
HALF = 0.5  # of what the CPUs can give
UNKNOWN = Interval(0.0, math.inf)  # of an efficiency, where there are too few rounds


@dataclass(frozen=True)
class Granularity:
    """What share of the ideal tasks of some lengths reach, on some CPUs.

    Source: Slaughter et al., Task Bench, SC 2020.
    """

    way: str
    cpus: int
    lengths: tuple[float, ...]  # seconds, ascending, as measured serially
    efficiencies: tuple[Ratio, ...]
    where: Where = ANYWHERE

    @property
    def placed(self) -> str:
        """The way of running and, in a cluster, where its CPUs were."""
        return ", ".join(filter(None, (self.way, self.where.label)))

    @property
    def on(self) -> str:
        """On which CPUs, in words."""
        return f"{count(self.cpus, 'CPU')} {self.where.label}".rstrip()

    @property
    def crossing(self) -> Crossing | None:
        """Between which lengths half of the ideal is reached; None where it is lost again."""
        return crossing([_side(one) for one in self.efficiencies])

    @property
    def metg(self) -> Estimate | None:
        """How long a task must be for half of the ideal, in seconds, with its interval.

        Joined by straight lines over the logarithm of the length, the efficiency's upper bounds
        reach half where a task may be long enough, its lower bounds where it certainly is.
        None unless both happen between lengths that were measured.
        """
        found = self.crossing
        if not found or found.below is None or found.above is None:
            return None
        bounds = [one.interval or UNKNOWN for one in self.efficiencies]
        middle = level_crossed(self.lengths, [one.value for one in self.efficiencies], HALF)
        low = level_crossed(self.lengths, [one.high for one in bounds], HALF)
        high = level_crossed(self.lengths, [one.low for one in bounds], HALF)
        if middle is None or low is None or high is None:
            return None
        return Estimate(middle, Interval(low, high))

    @property
    def known(self) -> str | None:
        """Return how long a task must be in words, or None where that cannot be told."""
        if metg := self.metg:
            low, high = map(duration, metg.interval)
            rounds = min(one.n for one in self.efficiencies)
            return f"{duration(metg.value)} [{low}, {high}] (n={rounds})"
        found = self.crossing
        if found and found.above is not None:
            return f"at most {duration(self.lengths[found.above])}"
        if found and found.below is not None:
            return f"more than {duration(self.lengths[found.below])}"
        return None

    @property
    def doubt(self) -> str:
        """Return why it cannot be told."""
        if any(one.interval is None for one in self.efficiencies):
            return "too few timings"
        if self.crossing is None:
            return "longer tasks lose what shorter ones reached"
        return "all intervals hold 50 %"


def _side(efficiency: Ratio) -> Side:
    low, high = efficiency.interval or UNKNOWN
    return "above" if low > HALF else "below" if high < HALF else "unclear"


def granularities(probes: Iterable[ProbeTiming], name: str = COMPUTING) -> list[Granularity]:
    """Return the efficiencies of tasks by their length, for each way of running and CPU count.

    The probes' *name* says what the tasks do.  Ray's tasks come first.  In a cluster, apart for
    CPUs on other nodes.
    """
    own = [one for one in probes if one.name == name and one.length is not None]
    serial = {one.length: one for one in own if one.implementation == "serial"}
    others = [one for one in own if one.implementation != "serial" and one.length in serial]
    others.sort(key=lambda one: one.length or 0.0)
    lines = {
        (one.implementation != TASKS, one.implementation, one.cpus, one.where) for one in others
    }
    found = []
    for _, way, cpus, where in sorted(lines):
        key = way, cpus, where
        line = [one for one in others if (one.implementation, one.cpus, one.where) == key]
        found.append(_granularity(*key, [(serial[one.length], one) for one in line]))
    return found


def _granularity(
    way: str, cpus: int, where: Where, line: Sequence[tuple[ProbeTiming, ProbeTiming]]
) -> Granularity:
    """Return what *line* has: pairs of the serial probe and the way's, of the same length."""
    return Granularity(
        way,
        cpus,
        tuple(serial.median / serial.tasks for serial, _ in line),
        # Per task and CPU: the way's probe may have more tasks than the serial one.
        tuple(
            Ratio.of(serial, other).efficiency(cpus * serial.tasks / other.tasks)
            for serial, other in line
        ),
        where,
    )


def sentences(lines: Sequence[Granularity]) -> Iterator[str]:
    """Return how long a task must be on each CPU count, or that it cannot be told."""
    rays = [line for line in lines if line.way == TASKS]
    if known := [f"{line.known} on {line.on}" for line in rays if line.known]:
        yield (
            f"A task must last {', '.join(known)} for Ray to make half of what the CPUs can give: "
            "METG(50 %)."
        )
    for line in rays:
        if line.known is None:
            yield (f"How long a task must last on {line.on} cannot be told: {line.doubt}.")
    most = max((line.cpus for line in lines), default=0)
    others = [line for line in lines if line.way != TASKS and line.cpus == most]
    if known := [f"{line.known} with {line.placed}" for line in others if line.known]:
        yield f"On {count(most, 'CPU')}, beside Ray's tasks: {', '.join(known)}."
