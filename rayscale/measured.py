"""What is saved of a case beside its timings, and the case that all rooms work on.

The one file that knows the words in a benchmark's ``extra_info``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import msgspec
import numpy as np

from rayscale.bounds import Amount, Count, CPUs, Part, Seconds, Times
from rayscale.intervals import Interval, correlation, round_interval
from rayscale.ratio import Ratio
from rayscale.surroundings.during import Surroundings
from rayscale.text import count
from rayscale.where import Where

SERIAL = "serial"  # the way of running that all others are compared with


class Beside(msgspec.Struct, frozen=True):
    """What a run saves of a case that was timed in pairs with another way of running."""

    implementation: str  # the other
    median: Seconds
    times: Times = msgspec.field(name="ratio")  # how many times as fast as the other the case was
    low: Times | None = None  # of its 95 % interval; None where there were too few pairs
    high: Times | None = None
    n: Amount = 0  # pairs

    @property
    def is_serial(self) -> bool:
        """Whether the other way is the serial one, so that the ratio is a speed-up."""
        return self.implementation == SERIAL

    @property
    def ratio(self) -> Ratio:
        """How many times as fast as the other way the case ran, pair by pair."""
        if self.low is None or self.high is None:
            return Ratio(self.times, None, self.n)
        return Ratio(self.times, Interval(self.low, self.high), self.n)


class OnNode(msgspec.Struct, frozen=True):
    """What a run on a cluster of several nodes saves of each that a case's CPUs were on."""

    node: str  # its id
    cpus: Amount  # of the case
    away: bool  # whether it is another one than the driver's: bytes to it cross the network
    cpu: str  # the processor
    niceness: int
    blas_threads: int
    allocator: str
    load: float  # of the node in the minute before


def where_of(placement: str, nodes: Sequence[OnNode]) -> Where:
    """Return where CPUs on these *nodes* were; how they were placed matters on several alone."""
    each = tuple(sorted((one.cpus for one in nodes), reverse=True))
    away = sum(one.cpus for one in nodes if one.away)
    return Where(placement if len(each) > 1 else "", each, away)


class Words(msgspec.Struct, frozen=True):
    """What a run saves with a case of a kernel; older runs lack all but the first five."""

    problem: str
    kernel: str
    implementation: str
    cpus: CPUs
    size: str
    shape: tuple[Amount, ...] = ()
    oversubscribed: bool = False
    niceness: int = 0
    tasks: Amount = 0
    bytes_moved: Amount = 0
    phases: dict[str, Part] | None = None
    control: Seconds | None = None  # around the case; see rayscale/saved/control.py
    cpus_proven: bool = True  # whether the run saw that the work was done on so many CPUs
    set_late: bool = False  # whether threads and allocator were fixed after NumPy was imported
    beside: Beside | None = None
    row: str = "row"  # what a row is called, in the singular
    process: int = 1  # of the run: a second, third, ... has finished what the first one began
    surroundings: Surroundings | None = None  # what others did while it was timed
    placement: str = ""  # how its CPUs were placed, where that was asked for
    on_nodes: tuple[OnNode, ...] = ()  # of a cluster of several

    @property
    def is_noisy(self) -> bool:
        """Whether it was timed while others used or took much of its CPUs."""
        return self.surroundings is not None and self.surroundings.is_noisy

    @property
    def where(self) -> Where:
        """Where in a cluster its CPUs were."""
        return where_of(self.placement, self.on_nodes)


class ProbeWords(msgspec.Struct, frozen=True):
    """What a run saves with a probe of Ray's own cost."""

    overhead: str
    implementation: str
    cpus: CPUs
    tasks: Amount
    bytes_moved: Amount
    seconds: Seconds | None = None  # the intended length of a task
    bytes_away: Amount | None = None  # of those moved, to and from other nodes; None: not known
    surroundings: Surroundings | None = None
    placement: str = ""
    on_nodes: tuple[OnNode, ...] = ()


def words(info: Mapping[str, Any]) -> Words | ProbeWords | None:
    """Return what *info*, a saved ``extra_info``, says; None if another suite wrote it."""
    try:
        if "overhead" in info:
            return msgspec.convert(info, ProbeWords)
        return msgspec.convert(info, Words)
    except msgspec.ValidationError:
        return None


class RllibWords(msgspec.Struct, frozen=True):
    """What a run saves with a benchmark of RLlib, whose environment is stepped by somebody."""

    rllib: Literal["sampling", "training"]
    by: str  # "RLlib", or what a loop of one's own uses
    runners: Amount  # env runners; 0: in the driver itself
    steps: Count  # of a call
    parts: dict[str, tuple[Part, ...]] = {}  # of a training iteration: seconds, one for each round


def rllib_words(info: Mapping[str, Any]) -> RllibWords | None:
    """Return what *info*, a saved ``extra_info``, says of RLlib; None if it says nothing."""
    try:
        return msgspec.convert(info, RllibWords)
    except msgspec.ValidationError:
        return None


class MeasuredCase(Words, frozen=True, kw_only=True, dict=True):
    """One case and the seconds of its rounds in one launch, or of its medians in several."""

    seconds: tuple[float, ...]
    rounds: int | None = None  # where *seconds* has fewer: no raw timings were saved
    id: str = ""  # of its test

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the case of one entry of a saved run's ``benchmarks``, raw timings included."""
        seconds = [float(one) for one in record["stats"]["data"]]
        more = {"seconds": seconds, "id": record.get("fullname", "")}
        return msgspec.convert(record["extra_info"] | more, cls)

    @property
    def name(self) -> str:
        """Its name within its problem and size, such as 'loop ray_blocks on 2 CPUs'."""
        return f"{self.kernel} on one CPU" if self.is_serial else f"{self.kernel} {self.way}"

    @property
    def placed_size(self) -> str:
        """Its size and how its CPUs were placed, where that was asked for, as 'small spread'."""
        return f"{self.size} {self.placement}".rstrip()

    @property
    def way(self) -> str:
        """How it was run, such as 'ray_blocks on 2 CPUs'."""
        proven = "" if self.cpus_proven else " (not proven)"
        return f"{self.implementation} on {count(self.cpus, 'CPU')}{proven}"

    @property
    def n(self) -> int:
        """How many observations the median is of."""
        return self.rounds or len(self.seconds)

    @property
    def rival(self) -> Beside | None:
        """What it was timed in pairs with, if that is another way than serial."""
        return None if self.beside is None or self.beside.is_serial else self.beside

    @property
    def points(self) -> int | None:
        """How many numbers or items the data hold; None where no shape was saved."""
        return math.prod(self.shape) if self.shape else None

    @property
    def rows(self) -> int | None:
        """How many rows went in; None where no shape was saved."""
        return self.shape[0] if self.shape else None

    @property
    def is_serial(self) -> bool:
        """Whether it is the serial case, which the others are compared with."""
        return self.implementation == SERIAL

    @cached_property
    def median(self) -> float:
        """The middle of its rounds, in seconds."""
        return float(np.median(self.seconds))

    @cached_property
    def interval(self) -> Interval | None:
        """A 97.5 % interval of the median, in this launch: two make a 95 % one of their ratio."""
        return round_interval(self.seconds, confidence=0.975)

    @cached_property
    def correlation(self) -> float | None:
        """How alike rounds are that follow one another, where that makes the interval wider."""
        return correlation(self.seconds)


@dataclass(frozen=True)
class Timing:
    """What was timed: its name, and the seconds of its rounds or, if not saved, their median."""

    name: str
    seconds: tuple[float, ...]
    rounds: int

    @cached_property
    def median(self) -> float:
        """Seconds."""
        return float(np.median(self.seconds))

    @cached_property
    def interval(self) -> Interval | None:
        """A 97.5 % interval of the median: two make a 95 % one of their ratio."""
        return round_interval(self.seconds, confidence=0.975)

    @property
    def n(self) -> int:
        """How many observations the median is of."""
        return self.rounds


def blocks(cases: Sequence[MeasuredCase]) -> list[list[MeasuredCase]]:
    """Return the cases of each problem and size, in the order in which they were measured.

    Two processes' cases are never in one: their times cannot be compared.  Nor are two placements
    of CPUs on nodes: a case that has none, such as a serial one, is in the block of each.
    """
    grouped: dict[tuple[str, str, int], list[MeasuredCase]] = {}
    for case in cases:
        grouped.setdefault((case.problem, case.size, case.process), []).append(case)
    return [own for block in grouped.values() for own in by_placement(block)]


def by_placement(cases: Sequence[MeasuredCase]) -> Iterator[list[MeasuredCase]]:
    """Return the cases of each placement of CPUs; those that have none are among all of them."""
    for placement in dict.fromkeys(case.placement for case in cases if case.placement) or [""]:
        yield [
            case
            if case.placement == placement
            else msgspec.structs.replace(case, placement=placement)
            for case in cases
            if case.placement in ("", placement)
        ]


def largest(cases: Sequence[MeasuredCase]) -> Iterator[list[MeasuredCase]]:
    """Return, for each problem and placement, the block whose longest case takes longest."""
    by_problem: dict[tuple[str, str], list[list[MeasuredCase]]] = {}
    for block in blocks(cases):
        by_problem.setdefault((block[0].problem, block[0].placement), []).append(block)
    for own in by_problem.values():
        yield max(own, key=lambda block: max(case.median for case in block))
