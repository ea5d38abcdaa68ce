"""How long must a row be for a way of running to pay, and what does a way add to each row?

A row is whatever a benchmark calls so: a series, an episode, a trial.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, blocks
from rayscale.ratio import Ratio
from rayscale.report.rise import Rise
from rayscale.report.tables import Table
from rayscale.suite.gain import Block, fair_parallel
from rayscale.text import count, duration

USUAL = "row"  # what a row is called where the benchmark says nothing else


@dataclass(frozen=True)
class Line:
    """What a way of running gains over serial, by the serial time of a row."""

    way: str
    cpus: int
    rise: Rise


@dataclass(frozen=True)
class Rows:
    """The same number of a kernel's rows, which take longer here than there."""

    problem: str
    kernel: str
    number: int
    row: str  # what a row is called
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The problem, the kernel, and how many rows."""
        return f"{self.problem} {self.kernel}, {count(self.number, self.row)}"


@dataclass(frozen=True)
class _Point:
    case: MeasuredCase
    each: float  # seconds of a row, serially
    ratio: Ratio


def article(noun: str) -> str:
    """Return *noun* with its article.

    >>> article("row"), article("episode")
    ('a row', 'an episode')
    """
    return f"{'an' if noun[:1] in set('aeiou') else 'a'} {noun}"


def by_length(cases: Block) -> list[Rows]:
    """Return what ways gain on as many rows of different lengths, for each kernel.

    Of one problem, or of variants of it: those whose names begin with its name and "_".
    """
    groups: dict[tuple[str, str, int, str], list[_Point]] = {}
    problems = {case.problem for case in cases}
    for block in blocks(cases).values():
        for point in _points(block):
            case = point.case
            key = _family(case.problem, problems), case.kernel, case.rows or 0, case.row
            groups.setdefault(key, []).append(point)
    found = [Rows(*key, tuple(_lines(points))) for key, points in groups.items()]
    return [one for one in found if one.lines]


def _family(problem: str, problems: set[str]) -> str:
    """Return the shortest of *problems* that *problem* is a variant of, or itself."""
    return min((one for one in problems if f"{problem}_".startswith(f"{one}_")), key=len)


def _points(block: Block) -> Iterator[_Point]:
    serial = {case.kernel: case for case in block if case.is_serial}
    for case in fair_parallel(block):
        if case.rows and case.kernel in serial:
            alone = serial[case.kernel]
            yield _Point(case, alone.median / case.rows, Ratio.of(alone, case))


def _lines(points: Sequence[_Point]) -> Iterator[Line]:
    """Return a line for each way, at its most CPUs, that was measured at two lengths or more."""
    for way in dict.fromkeys(point.case.implementation for point in points):
        own = [point for point in points if point.case.implementation == way]
        most = max(point.case.cpus for point in own)
        line = sorted((one for one in own if one.case.cpus == most), key=lambda one: one.each)
        if len(line) > 1:
            lengths = tuple(one.each for one in line)
            yield Line(way, most, Rise(lengths, tuple(one.ratio for one in line), level=1.0))


def sentences(rows: Rows) -> Iterator[str]:
    """Return how long a row must be for each way to be faster than serial, or why not."""
    where = f"{rows.problem.replace('_', ' ').capitalize()}, {rows.kernel} kernel"
    known = [f"{line.rise.known} for {_way(line)}" for line in rows.lines if line.rise.known]
    if known:
        yield (
            f"{where}: {article(rows.row)} must last {', '.join(known)} to be faster than serial "
            f"on {count(rows.number, rows.row)}."
        )
    for line in rows.lines:
        if line.rise.known is None:
            yield (
                f"{where}: how long {article(rows.row)} must last for {_way(line)} cannot be told: "
                f"{line.rise.doubt}."
            )


def _way(line: Line) -> str:
    return f"{line.way} on {count(line.cpus, 'CPU')}"


def lengths(several: Sequence[Rows]) -> Table:
    """Return how long a row must be, for each kernel and way of running."""
    row = several[0].row
    return Table(
        f"How long {article(row)} must be",
        ("kernel", "way of running", "CPUs", "lengths", "faster than serial from [95 %]"),
        tuple(
            (
                *(rows.name, line.way, str(line.cpus), str(len(line.rise.lengths))),
                line.rise.known or f"cannot be told: {line.rise.doubt}",
            )
            for rows in several
            for line in rows.lines
        ),
        words=2,
    )


@dataclass(frozen=True)
class Added:
    """What a way of running adds to each row, beside the row's share of the serial work."""

    case: MeasuredCase
    share: float  # seconds of the serial work for a row, divided by the CPUs that have rows
    seconds: float
    interval: Interval | None  # 95 %

    @property
    def figure(self) -> str:
        """The seconds, with their interval."""
        if self.interval is None:
            return f"{duration(self.seconds)} ~"
        low, high = map(duration, self.interval)
        return f"{duration(self.seconds)} [{low}, {high}]"


def added(case: MeasuredCase, serial: MeasuredCase) -> Added:
    """Return what the way of *case* adds to each row of *serial*'s work."""
    rows = case.rows or 1
    parts = rows * min(case.cpus, rows)
    share = serial.median / parts
    own, alone = case.interval, serial.interval
    bounds = (
        own
        and alone
        and Interval(own.low / rows - alone.high / parts, own.high / rows - alone.low / parts)
    )
    return Added(case, share, case.median / rows - share, bounds or None)


def additions(block: Block) -> list[Added]:
    """Return what each parallel case of *block* adds to a row, as far as there is a serial one."""
    serial = {case.kernel: case for case in block if case.is_serial}
    return [
        added(case, serial[case.kernel])
        for case in fair_parallel(block)
        if case.rows and case.kernel in serial
    ]
