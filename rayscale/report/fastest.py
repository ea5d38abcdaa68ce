"""Which way of running is fastest for a kernel?  Said only as far as intervals carry it.

A way is left out where another is faster by more than 5 %, with its whole interval: a smaller
difference can be another one in the next launch.  So of equal ways hardly any is left out by
chance, though many are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayscale.intervals import Interval
from rayscale.measured import Beside, MeasuredCase, largest
from rayscale.ratio import MARGIN, Ratio
from rayscale.report.section import Section
from rayscale.report.tables import Table
from rayscale.suite.gain import Block, alike, gain, gains
from rayscale.suite.sentences import marked, sizes_of
from rayscale.text import count, digits, duration, share

NOTE = (
    "Of serial and all other ways, each on its most CPUs, at the largest size of each problem. "
    f"'One of': none of these is certainly more than {share(MARGIN)} ahead of another. Where ways "
    "were timed in pairs, the pairs tell."
)


@dataclass(frozen=True)
class Fastest:
    """The ways of running a kernel that may be fastest, those that took least first."""

    serial: MeasuredCase
    among: tuple[MeasuredCase, ...]  # serial, and each other way on its most CPUs
    ways: tuple[MeasuredCase, ...]  # of these, those that no other one is certainly ahead of
    failed: bool  # whether a test failed that could have been one of them

    @property
    def cpus(self) -> int:
        """The most CPUs that any of them had."""
        return max(case.cpus for case in self.among)

    @property
    def words(self) -> str:
        """Return which it is."""
        if self.failed or len(self.ways) == len(self.among):
            return "cannot be told"
        names = [case.implementation for case in self.ways]
        return names[0] if len(names) == 1 else f"one of {', '.join(names)}"

    @property
    def figure(self) -> str:
        """Return the speed-up over serial of all that it may be, with its 95 % interval."""
        gained = [gain(case, [self.serial]) for case in self.ways if not case.is_serial]
        ratios = [one.ratio for one in gained if one]
        if not ratios:
            return "-"
        if len(ratios) == 1:
            return ratios[0].figure
        known = [one.interval for one in ratios if one.interval]
        if len(known) < len(ratios):
            return "~"
        return f"{digits(min(known).low)}x to {digits(max(one.high for one in known))}x"


def of_kernel(kernel: str, block: Block, failed: Sequence[str] = ()) -> Fastest | None:
    """Return which way of *kernel* is fastest; None without a serial case and another one.

    *failed* are ids of tests.
    """
    found = gains(kernel, block)
    serial = next((case for case in block if case.is_serial and case.kernel == kernel), None)
    if serial is None or not found:
        return None
    among = sorted([serial, *(one.most.case for one in found)], key=lambda case: case.median)
    left = [case for case in among if not any(_is_ahead(other, case) for other in among)]
    hidden = any(f"[{kernel}-" in name and alike(name, serial) for name in failed)
    return Fastest(serial, tuple(among), tuple(left), hidden)


def _is_ahead(one: MeasuredCase, other: MeasuredCase) -> bool:
    """Tell whether *one* is certainly faster than *other* by more than 5 %."""
    known = _times_as_fast(one, other)
    return known is not None and known.low > 1 + MARGIN


def _times_as_fast(one: MeasuredCase, other: MeasuredCase) -> Interval | None:
    """Return how many times as fast as *other* *one* is: from pairs, where there are any."""
    over, under = one.beside, other.beside
    if over and _is_of(over, other, one.cpus):
        return over.ratio.interval
    if under and _is_of(under, one, other.cpus):
        return under.ratio.inverse.interval
    if over and under and over.implementation == under.implementation and one.cpus == other.cpus:
        above, below = over.ratio.interval, under.ratio.interval
        return Interval(above.low / below.high, above.high / below.low) if above and below else None
    return Ratio.of(other, one).interval


def _is_of(pairs: Beside, other: MeasuredCase, cpus: int) -> bool:
    """Tell whether *pairs*, of a case on so many *cpus*, are with the way of the case *other*."""
    return pairs.implementation == other.implementation and (other.is_serial or cpus == other.cpus)


def sentence(found: Fastest) -> str:
    """Return which way is fastest, after the kernel's name."""
    among = f"of {count(len(found.among), 'way')} of running"
    if found.failed:
        return f"which {among} is fastest cannot be told: one failed"
    if len(found.ways) == len(found.among):
        return f"which {among} is fastest cannot be told: none is certainly {share(MARGIN)} ahead"
    first, *others = ("serial" if case.is_serial else case.way for case in found.ways)
    if not others:
        return f"{among}, {first} is fastest, by more than {share(MARGIN)}"
    return (
        f"{among}, the fastest is one of {', '.join([first, *others])}: they are not certainly "
        f"more than {share(MARGIN)} apart"
    )


def section(cases: Sequence[MeasuredCase], failed: Sequence[str] = ()) -> Section:
    """Return the fastest way for each kernel, at the largest size of its problem."""
    table = Table(
        "Which way of running is fastest?",
        ("problem", "kernel", "fastest", "CPUs", "serial (n)", "speed-up over serial [95 %]"),
        tuple(row for block in largest(cases) for row in _rows(block, failed)),
        words=3,
    )
    return Section(table.title, (NOTE,), (table,) if table.rows else ())


def _rows(block: Block, failed: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for kernel in dict.fromkeys(case.kernel for case in block):
        if found := of_kernel(kernel, block, failed):
            serial = found.serial
            yield (
                *(f"{serial.problem} {sizes_of(serial)}", kernel, found.words, str(found.cpus)),
                *(f"{duration(serial.median)}{marked(serial)} (n={serial.n})", found.figure),
            )
