"""How long must a row be for a way of running to pay, and what does a way add to each row?

A row is whatever a benchmark calls so: a series, an episode, a trial.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, blocks, largest
from rayscale.ratio import Ratio
from rayscale.report.break_even import BreakEven, overtakes
from rayscale.report.tables import Table
from rayscale.suite.gain import Block, fair_parallel, gain
from rayscale.suite.sentences import marked, sizes_of
from rayscale.text import count, duration, plural

USUAL = "row"  # what a row is called where the benchmark says nothing else


@dataclass(frozen=True)
class Line:
    """What a way of running gains over serial, by the serial time of a row."""

    way: str
    cpus: int
    lengths: tuple[float, ...]  # seconds, ascending
    ratios: tuple[Ratio, ...]
    cases: tuple[MeasuredCase, ...]

    @property
    def break_even(self) -> BreakEven:
        """Between which lengths it overtakes serial."""
        return replace(overtakes(self.cases, self.ratios), noun="length", say=self._length)

    def _length(self, case: MeasuredCase) -> str:
        """Return the length of a row, and at which size it was measured, of which problem."""
        several = len({one.problem for one in self.cases}) > 1
        where = f"{case.problem} {case.size}" if several else case.size
        return f"{duration(self.lengths[self.cases.index(case)])} ({where})"


@dataclass(frozen=True)
class Rows:
    """The same number of a kernel's rows, which take longer here than there."""

    problem: str
    kernel: str
    number: int
    row: str  # what a row is called
    placement: str  # of CPUs on the nodes of a cluster, where one was asked for
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The problem, the kernel, how many rows, and how CPUs were placed."""
        return f"{self.problem} {self.kernel}, {self.how_many}"

    @property
    def how_many(self) -> str:
        """How many rows, and how CPUs were placed."""
        return f"{count(self.number, self.row)} {self.placement}".rstrip()


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
    groups: dict[tuple[str, str, int, str, str], list[_Point]] = {}
    problems = {case.problem for case in cases}
    for block in blocks(cases):
        for point in _points(block):
            case = point.case
            alike = case.kernel, case.rows or 0, case.row, case.placement
            key = (_family(case.problem, problems), *alike)
            groups.setdefault(key, []).append(point)
    found = [Rows(*key, tuple(_lines(points))) for key, points in groups.items()]
    return [one for one in found if one.lines]


def _family(problem: str, problems: set[str]) -> str:
    """Return the shortest of *problems* that *problem* is a variant of, or itself."""
    return min((one for one in problems if f"{problem}_".startswith(f"{one}_")), key=len)


def _points(block: Block) -> Iterator[_Point]:
    for case in fair_parallel(block):
        if case.rows and (over_serial := gain(case, block)):
            yield _Point(case, over_serial.alone / case.rows, over_serial.ratio)


def _lines(points: Sequence[_Point]) -> Iterator[Line]:
    """Return a line for each way, at its most CPUs, that was measured at two lengths or more."""
    for way in dict.fromkeys(point.case.implementation for point in points):
        own = [point for point in points if point.case.implementation == way]
        most = max(point.case.cpus for point in own)
        line = sorted((one for one in own if one.case.cpus == most), key=lambda one: one.each)
        if len(line) > 1:
            each, ratios = (tuple(one.each for one in line), tuple(one.ratio for one in line))
            yield Line(way, most, each, ratios, tuple(one.case for one in line))


def answers(cases: Block) -> Iterator[str]:
    """Say how long rows must be, and what ways add to them, where they have a name of their own."""
    named = [case for case in cases if case.row != USUAL]
    for row in dict.fromkeys(case.row for case in named):
        yield from said([case for case in named if case.row == row])


def said(cases: Block) -> Iterator[str]:
    """Say how long rows must be or, where all are of one length, what ways add to them."""
    found = by_length(cases)
    yield from map(sentence, found)
    if not found:
        for block in largest(cases):
            yield from additions_in_words(block)


def sentence(rows: Rows) -> str:
    """Return from which length of a row on each way is faster than serial, as far as known."""
    known = "; ".join(f"{_way(line)} {line.break_even.words}" for line in rows.lines)
    return (
        f"{_where(rows.problem, rows.kernel)}, {rows.how_many}, by what {article(rows.row)} takes "
        f"serially: {known}."
    )


def _where(problem: str, kernel: str) -> str:
    """Return the beginning of a sentence."""
    return f"{problem.replace('_', ' ').capitalize()}, {kernel} kernel"


def _way(line: Line) -> str:
    return f"{line.way} on {count(line.cpus, 'CPU')}"


def lengths(several: Sequence[Rows]) -> Table:
    """Return how long a row must be, for each kernel and way of running."""
    row = several[0].row
    return Table(
        f"How long {article(row)} must be",
        ("kernel", "way of running", "CPUs", "lengths", "beside serial"),
        tuple(
            (
                *(rows.name, line.way, str(line.cpus), str(len(line.lengths))),
                line.break_even.words,
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


def additions(block: Block) -> list[Added]:
    """Return what each parallel case of *block* adds to a row, as far as there is a serial one."""
    serial = {case.kernel: case for case in block if case.is_serial}
    return [
        _added(case, case.rows, serial[case.kernel])
        for case in fair_parallel(block)
        if case.rows and case.kernel in serial
    ]


def _added(case: MeasuredCase, rows: int, serial: MeasuredCase) -> Added:
    parts = rows * min(case.cpus, rows)
    share = serial.median / parts
    interval = None
    if case.interval and serial.interval:
        low, high = case.interval.low / rows, case.interval.high / rows
        interval = Interval(low - serial.interval.high / parts, high - serial.interval.low / parts)
    return Added(case, share, case.median / rows - share, interval)


def additions_in_words(block: Block) -> Iterator[str]:
    """Return what ways add to a row on the most CPUs, as far as that is certainly something."""
    found = additions(block)
    most = max((one.case.cpus for one in found), default=0)
    for kernel in dict.fromkeys(one.case.kernel for one in found):
        own = [one for one in found if (one.case.kernel, one.case.cpus) == (kernel, most)]
        known = [one for one in own if one.interval and one.interval.low > 0]
        if known:
            case, share = known[0].case, duration(known[0].share)
            said = (
                f"{one.figure} (n={one.case.n}) with {one.case.implementation}" for one in known
            )
            yield (
                f"{_where(case.problem, kernel)}, {case.placed_size}, {count(most, 'CPU')}: beside "
                f"its share of the work, {share}, {article(case.row)} costs {', '.join(said)}."
            )


def costs(block: Block) -> Table:
    """Return what a row takes in each way of running, and what the way adds to it."""
    row = block[0].row
    return Table(
        f"What {article(row)} costs: {block[0].problem} {sizes_of(block[0])}",
        (
            *("kernel", "implementation", "CPUs", "call (n)", f"call / {plural(row)}"),
            *("its share of the work", "added by the way [95 %]"),
        ),
        tuple(_cost(case, additions(block)) for case in block if case.rows),
        words=2,
    )


def _cost(case: MeasuredCase, found: Sequence[Added]) -> tuple[str, ...]:
    own = next((one for one in found if one.case is case), None)
    return (
        *(case.kernel, case.implementation, str(case.cpus)),
        f"{duration(case.median)}{marked(case)} (n={case.n})",
        duration(case.median / (case.rows or 1)),
        *((duration(own.share), own.figure) if own else ("-", "-")),
    )
