"""Where the time of a Ray call goes: a pass of its own, untimed, in which tasks note their times.

A call begins in this process; its tasks are made and sent (*start*, until the first one runs), run
(*executing*, per CPU), leave CPUs to Ray's work or idle between them (*waiting*), and their results
come back (*fetching*, after the last one has ended).  The four add up to the call.
"""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

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


def split(begun: float, ended: float, spans: Sequence[Span], cpus: int) -> Phases:
    """Return the phases of a call from *begun* to *ended*, whose tasks had these *spans*.

    >>> split(0.0, 10.0, [(1.0, 4.0), (2.0, 8.0)], cpus=2)
    Phases(start=1.0, waiting=2.5, executing=4.5, fetching=2.0)
    """
    at_once = min(cpus, len(spans))
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    executing = sum(end - start for start, end in spans) / at_once
    return Phases(first - begun, last - first - executing, executing, ended - last)


def observe(trial: Trial, kernel: Kernel) -> Phases | None:
    """Return the phases of the middle one of some calls of *trial*.

    None where a worker is on another machine: its clock is another one.
    """
    if any(worker.host != platform.node() for worker in trial.stage.workers):
        return None
    case = uuid4().hex
    call = trial.call(Stamped(kernel, case), case)
    calls = [_timed(call)]
    if calls[0][1] - calls[0][0] < LONG:
        calls += [_timed(call) for _ in range(PASSES)]
    work = trial.account([call])
    assert work is not None  # a way of Ray's can say who did the work
    phases = [
        split(begun, ended, [one for one in work.spans if begun <= one[0] < ended], trial.case.cpus)
        for begun, ended in calls[-PASSES:]
    ]
    return sorted(phases, key=lambda one: one.whole)[len(phases) // 2]


def _timed(call: Counted) -> Span:
    begun = time.perf_counter()
    call()
    return begun, time.perf_counter()
