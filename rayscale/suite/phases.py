"""Where the time of a Ray call goes: a pass of its own, untimed, in which tasks note their times.

A call begins in this process; its tasks are made and sent (*start*, until the first one runs), run
(*executing*, per CPU), leave CPUs to Ray's work or idle between them (*waiting*), and their results
come back (*fetching*, after the last one has ended).  The four add up to the call.

Clocks of nodes differ: what a node noted by its own is put on this process's, as well as can be.
"""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from rayscale.suite.environment import own_node
from rayscale.suite.observers import SAME, Clock, clocks
from rayscale.suite.trial import Counted, Kernel, Trial
from rayscale.suite.witness import Span, Stamped

LONG = 0.1  # seconds; a call that takes less is noted PASSES times, after one that does not count
PASSES = 5


@dataclass(frozen=True)
class Phases:
    """Seconds of one call."""

    start: float
    waiting: float
    executing: float
    fetching: float

    @property
    def whole(self) -> float:
        """Seconds of all."""
        return self.start + self.waiting + self.executing + self.fetching


@dataclass(frozen=True)
class Observed:
    """The phases of a call, and *within* how many seconds the clocks of all nodes are known."""

    phases: Phases
    within: float


def split(begun: float, ended: float, spans: Sequence[Span], cpus: int) -> Phases:
    """Return the phases of a call from *begun* to *ended*, whose tasks had these *spans*.

    >>> split(0.0, 10.0, [(1.0, 4.0), (2.0, 8.0)], cpus=2)
    Phases(start=1.0, waiting=2.5, executing=4.5, fetching=2.0)
    """
    at_once = min(cpus, len(spans))
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    executing = sum(end - start for start, end in spans) / at_once
    return Phases(first - begun, last - first - executing, executing, ended - last)


def observe(trial: Trial, kernel: Kernel) -> Observed | None:
    """Return the phases of the middle one of some calls of *trial*.

    None where a worker is on another machine that is not a node of Ray's: its clock is another one.
    """
    if any(one.host != platform.node() and not one.node for one in trial.stage.workers):
        return None
    case = uuid4().hex
    call = trial.call(Stamped(kernel, case), case)
    calls = [_timed(call)]
    if calls[0][1] - calls[0][0] < LONG:
        calls += [_timed(call) for _ in range(PASSES)]
    work = trial.account([call])
    assert work is not None  # a way of Ray's can say who did the work
    known = clocks(work.spans.keys() - {"", own_node()})
    spans = list(_by_this_clock(work.spans, known))
    phases = [split(*one, list(_within(one, spans)), trial.case.cpus) for one in calls[-PASSES:]]
    middle = sorted(phases, key=lambda one: one.whole)[len(phases) // 2]
    return Observed(middle, max((clock.within for clock in known.values()), default=SAME.within))


def _by_this_clock(
    spans: Mapping[str, Sequence[Span]], known: Mapping[str, Clock]
) -> Iterator[Span]:
    """Return the *spans* of all nodes by the clock of this process; other clocks are *known*."""
    for node, own in spans.items():
        ahead = known.get(node, SAME).ahead
        yield from ((begun - ahead, ended - ahead) for begun, ended in own)


def _within(call: Span, spans: Sequence[Span]) -> Iterator[Span]:
    """Return those of *spans* that are of *call*: by their middle, for no clock is quite known.

    They cannot have begun before it, nor ended after it.
    """
    for begun, ended in spans:
        if call[0] <= (begun + ended) / 2 < call[1]:
            yield max(begun, call[0]), min(ended, call[1])


def _timed(call: Counted) -> Span:
    begun = time.perf_counter()
    call()
    return begun, time.perf_counter()
