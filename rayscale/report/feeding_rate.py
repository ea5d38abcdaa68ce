"""How many CPUs can one driver feed?  By empty tasks, by tasks that sleep, and by cases."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, blocks
from rayscale.ratio import Ratio
from rayscale.report.granularity import SLEEPING, TASKS, Granularity, granularities
from rayscale.report.section import Section
from rayscale.report.subject import ProbeTiming
from rayscale.report.tables import Table
from rayscale.suite.sentences import compared
from rayscale.text import count, digits

FEWEST_COUNTS = 3  # of CPUs: with fewer nothing is said of where a gain ends


@dataclass(frozen=True)
class Rate:
    """How many empty tasks a second one driver fed to so many CPUs, in calls of so many tasks."""

    cpus: int
    tasks: int
    value: float
    interval: Interval | None  # 97.5 %
    n: int

    def __str__(self) -> str:
        """Return it with its interval.

        >>> print(Rate(4, 300, 2134.0, Interval(2001.0, 2250.0), 7))
        2,134 [2,001, 2,250] (n=7)
        """
        bounds = "~" if self.interval is None else f"[{', '.join(map(digits, self.interval))}]"
        return f"{digits(self.value)} {bounds} (n={self.n})"


def rates(probes: Sequence[ProbeTiming]) -> list[Rate]:
    """Return the rates of the calls with the most empty tasks, by CPU count."""
    empty = [one for one in probes if (one.name, one.implementation) == ("empty_tasks", TASKS)]
    found = []
    for cpus in sorted({one.cpus for one in empty}):
        most = max((one for one in empty if one.cpus == cpus), key=lambda one: one.tasks)
        ends = most.interval
        bounds = None if ends is None else Interval(most.tasks / ends.high, most.tasks / ends.low)
        found.append(Rate(cpus, most.tasks, most.tasks / most.median, bounds, most.n))
    return found


@dataclass(frozen=True)
class Limit:
    """From which CPU count on one task per row gains no more, and what was seen on more CPUs."""

    last: MeasuredCase
    beyond: tuple[MeasuredCase, ...]
    serial: MeasuredCase | None

    @property
    def is_certain(self) -> bool:
        """Whether more CPUs are certainly not faster by more than some per cent."""
        answers = [Ratio.of(self.last, one).answer for one in self.beyond]
        return all(one in ("slower", "about as fast") for one in answers)

    def fed(self, rate: Rate) -> float | None:
        """Return how many CPUs rows of this length keep busy that are fed at a *rate*."""
        rows = self.serial and self.serial.rows
        return self.serial.median / rows * rate.value if self.serial and rows else None


def limits(cases: Sequence[MeasuredCase]) -> Iterator[Limit]:
    """Return where one task per row gains no more, of each kernel that has enough CPU counts."""
    for block in blocks(cases):
        for kernel in dict.fromkeys(case.kernel for case in block):
            own = [case for case in block if case.kernel == kernel]
            serial = next((case for case in own if case.is_serial), None)
            fair = [one for one in own if one.implementation == TASKS and not one.oversubscribed]
            yield from _limit(sorted(fair, key=lambda case: case.cpus), serial)


def _limit(ascending: Sequence[MeasuredCase], serial: MeasuredCase | None) -> Iterator[Limit]:
    if len(ascending) < FEWEST_COUNTS:
        return
    for place, case in enumerate(ascending[:-1]):
        beyond = ascending[place + 1 :]
        if all(Ratio.of(case, one).answer != "faster" for one in beyond):
            yield Limit(case, tuple(beyond), serial)
            return


def section(
    probes: Sequence[ProbeTiming], cases: Sequence[MeasuredCase], source: str = ""
) -> Section:
    """Return how many tasks a second one driver feeds, how long they must be, and who is limited.

    *source* says of which run the *probes* are, if not of the *cases'*.
    """
    known, lines = rates(probes), granularities(probes, SLEEPING)
    if not known:
        return Section("")
    said = (*([source] if source else []), *sentences(probes, cases))
    return Section("How many CPUs can one driver feed?", said, tables=(_table(known, lines),))


def _table(known: Sequence[Rate], lines: Sequence[Granularity]) -> Table:
    naps = {line.cpus: line for line in lines if line.way == TASKS}
    rows = [
        (str(one.cpus), str(one), *([_length(naps.get(one.cpus))] if naps else [])) for one in known
    ]
    slept = ("METG(50 %) of tasks that sleep [95 %]",) if naps else ()
    title = f"Empty tasks that one driver feeds, {count(known[-1].tasks, 'task')} a call"
    return Table(title, ("CPUs", "tasks a second [97.5 %]", *slept), tuple(rows))


def _length(line: Granularity | None) -> str:
    if line is None:
        return "-"
    return line.known or f"cannot be told: {line.doubt}"


def sentences(probes: Sequence[ProbeTiming], cases: Sequence[MeasuredCase]) -> Iterator[str]:
    """Return the rate on the fewest and on the most CPUs, and where one task per row is limited."""
    known = rates(probes)
    if known:
        ends = dict.fromkeys((known[0], known[-1]))
        shown = ", ".join(f"{one} on {count(one.cpus, 'CPU')}" for one in ends)
        yield f"One driver feeds so many empty tasks a second: {shown}."
    naps = [one for one in granularities(probes, SLEEPING) if one.way == TASKS and one.known]
    if naps:
        shown = ", ".join(f"{one.known} on {count(one.cpus, 'CPU')}" for one in naps)
        yield f"A task that sleeps must last {shown} for half of what the CPUs can give."
    for limit in limits(cases):
        yield _limited(limit, known)


def _limited(limit: Limit, known: Sequence[Rate]) -> str:
    """Return from which CPU count on more bring nothing, or that it cannot be told."""
    last = limit.last
    where = f"{last.problem} {last.size}, {last.kernel}, one task per row"
    at = count(last.cpus, "CPU")
    ends = f"gains nothing from more than {at}" if limit.is_certain else f"may gain beyond {at}"
    beyond = "; ".join(
        f"on {one.cpus} it {compared(Ratio.of(last, one), f'on {last.cpus}')}"
        for one in limit.beyond
    )
    return f"{where}: {ends} ({beyond}).{_kept_busy(limit, known)}"


def _kept_busy(limit: Limit, known: Sequence[Rate]) -> str:
    """Return how many CPUs the driver can keep busy, by its rate on as many or on fewer."""
    own = max((one for one in known if one.cpus <= limit.last.cpus), default=None, key=_cpus)
    fed = None if own is None else limit.fed(own)
    if own is None or fed is None:
        return ""
    rate = f"{digits(own.value)} tasks a second, as on {count(own.cpus, 'CPU')}"
    return f" At {rate}, rows of this length keep {count(math.ceil(fed), 'CPU')} busy."


def _cpus(rate: Rate) -> int:
    return rate.cpus
