"""What a way of running would gain on CPUs, and with rows, that were not measured."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scipy.stats import t as student

from rayscale.intervals import Interval
from rayscale.measured import SERIAL, MeasuredCase
from rayscale.ratio import Ratio
from rayscale.report.between import Between
from rayscale.report.forecast import Call, between_calls, call, cut
from rayscale.report.subject import ProbeTiming
from rayscale.report.tariff import TASKS, Tariff
from rayscale.where import Where

CONFIDENCE = 0.95
QUANTILE = 2.24  # of a normal distribution: a 97.5 % interval reaches as many deviations
# What the model misses a case by before any has been seen, as a deviation of logarithms, and how
# many cases this counts for: the probes of the first launch were missed by 0.08.
MISS, WORTH = 0.1, 4
ENOUGH = 0.1  # of what a CPU can give
MOST = 10_000  # CPUs that are looked at


@dataclass(frozen=True)
class Misses:
    """How far the model missed what was measured: squares of logarithms of ratios."""

    probes: tuple[float, ...]
    cases: tuple[float, ...]

    @property
    def deviation(self) -> float:
        """The deviation that is expected of a case: the probes count half, the cases half."""
        squares, number = WORTH * MISS**2 + sum(self.cases), WORTH + len(self.cases)
        by_cases = squares / number
        by_probes = sum(self.probes) / len(self.probes) if self.probes else by_cases
        return math.sqrt((by_cases + by_probes) / 2)

    @property
    def freedom(self) -> int:
        """The degrees of freedom that the deviation has."""
        return WORTH + len(self.cases)


@dataclass(frozen=True)
class Source:
    """What all predictions of a run are made from."""

    costs: Tariff
    cores: int
    misses: Misses
    between: Between
    load: float  # the most CPUs that other programs used while a case was timed
    shared: int  # up to so many CPUs, workers and driver need the same cores
    away: float  # the share of the CPUs of *costs* that were on another node than the driver

    def crowding(self, cpus: int) -> float:
        """Return the deviation of a speed-up on *cpus* CPUs that other programs bring.

        A call is as late as its latest worker.  Where others and the call need more cores than
        there are, by one or more, a worker has half a core and takes twice as long.  (Measured on
        two cores: 1.14, 1.2 and 2.0 times as long beside 0.1, 0.2 and 1 busy CPUs; see
        rayscale/surroundings/during.py.)  The driver needs one, too.  Each of both times that a
        speed-up has may be anywhere from not to fully so much longer: a uniform distribution.
        """
        wanted = self.load + min(cpus + 1, self.cores) - self.cores
        return math.log1p(min(1.0, max(0.0, wanted))) * math.sqrt(2 / 12)


@dataclass(frozen=True)
class Predicted:
    """What a way of running would gain over serial, with a 95 % interval for another launch."""

    way: str
    cpus: int
    rows: int
    ratio: Ratio
    reach: float  # half the interval's width, of the logarithm
    call: Call

    def is_ahead(self, other: "Predicted") -> bool:
        """Whether it is certainly faster than *other*, if they are missed independently."""
        apart = math.log(self.ratio.value / other.ratio.value)
        return apart > math.hypot(self.reach, other.reach)

    @property
    def is_fed_slowly(self) -> bool:
        """Whether the driver cannot feed so many CPUs: Ray's time is longer than the work."""
        return self.call.tasks > 1 and self.call.ray > self.call.work

    @property
    def tasks_a_second(self) -> float:
        """How many tasks the driver feeds in a second."""
        return self.call.tasks / self.call.ray

    @property
    def limit(self) -> str:
        """What keeps it from being faster."""
        if self.is_fed_slowly:
            return "the driver's feeding"
        return "the number of tasks" if self.call.tasks < self.cpus else "the CPUs"


@dataclass(frozen=True)
class Line:
    """A kernel run in one way, at one size: what its predictions are made from."""

    serial: MeasuredCase
    cases: tuple[MeasuredCase, ...]  # by that way; none is oversubscribed
    source: Source

    @property
    def way(self) -> str:
        """The way of running."""
        return self.cases[0].implementation

    @property
    def where(self) -> Where:
        """Where in a cluster its CPUs were, at the most of them."""
        return max(self.cases, key=lambda case: case.cpus).where

    @property
    def name(self) -> str:
        """Its problem, kernel and size and, in a cluster, where its CPUs were."""
        case = self.serial
        name = f"{case.problem} {case.kernel} {case.size}"
        return ", ".join(filter(None, (name, self.where.label)))

    @property
    def rows(self) -> int:
        """How many rows were measured."""
        return self.serial.rows or 1

    @property
    def waits(self) -> bool:
        """Whether its tasks wait and need no core: so it had more CPUs than there are cores."""
        return any(case.cpus > self.source.cores for case in self.cases)

    @cached_property
    def _known(self) -> int:
        """The most CPUs that were measured."""
        return max(self.source.cores, *(case.cpus for case in self.cases))

    def moved(self, rows: int) -> float:
        """Return how many bytes so many rows move, in and out."""
        return max(self.cases, key=lambda case: case.cpus).bytes_moved / self.rows * rows

    def call(self, cpus: int, rows: int) -> Call:
        """Return what a call is expected to take.

        Where a part of the CPUs was on other nodes, more of them send a larger part of the bytes
        over the network: between as large a part as was measured, and all.
        """
        source, moved = self.source, self.moved(rows)
        least = self._call(cpus, rows, moved)
        if not 0 < source.away < 1 or cpus <= source.costs.most:
            return least
        most = self._call(cpus, rows, moved / source.away)
        return between_calls(least, most)

    def _call(self, cpus: int, rows: int, nbytes: float) -> Call:
        source = self.source
        return call(
            *(source.costs, cut(self.way, rows, cpus), cpus),
            row=self.serial.median / self.rows,
            nbytes=nbytes,
            cores=source.shared,
            known=self._known,
        )

    def at(self, cpus: int, rows: int) -> Predicted:
        """Return what it would gain on *cpus* CPUs with so many *rows*.

        The interval is of the speed-up that another launch would measure.  It is Student's, of the
        logarithm; the variances are added of what the model missed, of launches, of what other
        programs do, of the rounds of the serial case and of what was not measured.
        """
        expected = self.call(cpus, rows)
        value = self.serial.median / self.rows * rows / expected.seconds
        source = self.source
        deviation = math.hypot(
            source.misses.deviation,
            source.between.deviation,
            source.crowding(cpus) * (expected.share if self.waits else 1.0),  # naps need no core
            expected.doubt,
            # A row that takes longer makes serial and the call longer: Ray's share is left.
            expected.share * _deviation(self.serial),
        )
        quantile = float(student.ppf((1 + CONFIDENCE) / 2, source.misses.freedom))
        reach = quantile * deviation
        interval = Interval(value * math.exp(-reach), value * math.exp(reach))
        n = min(case.n for case in (self.serial, *self.cases))
        return Predicted(self.way, cpus, rows, Ratio(value, interval, n), reach, expected)

    def enough(self, rows: int) -> int | None:
        """Return from how many CPUs on another one brings less than 10 % of what a CPU can give.

        On average of as many more: rows that cannot be cut evenly make single steps uneven.  Above
        100 CPUs within 1 %.  None where that is beyond MOST CPUs.
        """
        return next((cpus for cpus in _counts() if self._gain(cpus, rows) < ENOUGH), None)

    def _gain(self, cpus: int, rows: int) -> float:
        """Return what each of as many CPUs more brings on average, in speed-up."""
        alone = self.serial.median / self.rows * rows
        one, two = (self.call(count, rows).seconds for count in (cpus, 2 * cpus))
        return (alone / two - alone / one) / cpus


def _counts() -> Iterator[int]:
    """Return CPU counts up to MOST: each up to 100, and then in steps of 1 %."""
    cpus = 1
    while cpus <= MOST:
        yield cpus
        cpus += max(1, cpus // 100)


def _deviation(case: MeasuredCase) -> float:
    """Return the standard deviation of the logarithm of a median that has an interval."""
    low, high = case.interval or Interval(case.median, case.median)
    return math.log(high / low) / (2 * QUANTILE)


def missed_probes(
    probes: Sequence[ProbeTiming], costs: Tariff, cores: int, shared: int
) -> tuple[float, ...]:
    """Return how far tasks of known lengths are missed: squares of logarithms."""
    lengths = [one for one in probes if one.name == "task_length" and one.length and one.tasks]
    serial = {one.length: one.median / one.tasks for one in lengths if one.implementation == SERIAL}
    found = []
    for one in lengths:
        if one.implementation == TASKS and one.cpus <= cores and one.length in serial:
            own = cut(TASKS, one.tasks, one.cpus)
            expected = call(
                *(costs, own, one.cpus),
                row=serial[one.length],
                nbytes=one.bytes_moved,
                cores=shared,
                known=cores,
            )
            found.append(math.log(one.median / expected.seconds) ** 2)
    return tuple(found)


def missed_cases(line: Line) -> tuple[float, ...]:
    """Return how far the cases of *line* are missed that the model is to predict others from."""
    return tuple(
        math.log(case.median / line.call(case.cpus, line.rows).seconds) ** 2 for case in line.cases
    )
