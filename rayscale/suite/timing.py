"""The answer of a timed run: the result is checked, the CPU count proven, the time taken."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from uuid import uuid4

from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite import beside
from rayscale.suite.beside import Pairs
from rayscale.suite.environment import Conditions, conditions
from rayscale.suite.measure import Question
from rayscale.suite.neighbours import noted
from rayscale.suite.phases import observe
from rayscale.suite.stage import Work, needs, placed
from rayscale.suite.trial import Trial, nbytes, shape


@dataclass(frozen=True)
class Rounds:
    """How often a call is timed: for *max_time* seconds, and *fewest* times at least.

    *calibrated*: however long it takes, it is called before that, as a warm-up needs.
    """

    fewest: int
    max_time: float
    calibrated: bool

    def is_long(self, seconds: float) -> bool:
        """Tell whether a call of so many *seconds* gets the fewest rounds in any case."""
        return seconds >= self.max_time and not self.calibrated


@dataclass(frozen=True)
class Timing:
    """Check a case and, where *benchmark* is enabled, time it."""

    benchmark: BenchmarkFixture
    rounds: Rounds
    oversubscribed: bool
    set_late: bool  # whether threads and allocator were fixed after NumPy was imported

    def __call__(self, question: Question) -> None:
        """Answer *question*, and save the answer."""
        __tracebackhide__ = True
        with ExitStack() as stack:
            asked = [question, *([question.beside] if question.beside else [])]
            # Both are set up before one works: setting up forgets what this process did.
            trials = [stack.enter_context(one.set_up([one.kernel])) for one in asked]
            own, *others = map(_Checked, trials, asked)
            if needs(own.trial.way).ray:  # rows that are too many for the store cost one call
                question.subject.cluster.demand_fit()
            workers = [one for trial in trials for one in trial.stage.workers]
            with noted(self.benchmark, question.subject.case.cpus, workers):
                self._time(own, *others)
            for other in others:
                other.account()
            self._describe(question, own)
            if self.benchmark.enabled and needs(own.trial.way).ray:
                seen = observe(own.trial, question.kernel)
                self.benchmark.extra_info["phases"] = seen and asdict(seen.phases)
                self.benchmark.extra_info["clocks_within"] = seen and seen.within

    def _time(self, own: "_Checked", other: "_Checked | None" = None) -> None:
        """Let pytest-benchmark time *own*, in pairs with *other*; nothing, where it is disabled.

        Its calibration calls once more than it times, and once more at the end for the result. A
        long call gets the fewest rounds in any case: then both would be waste.
        """
        if not self.benchmark.enabled:
            self.benchmark(int)  # it warns of a benchmark that does not use it
        elif other is not None:
            self._time_in_pairs(own, other)
        elif self.rounds.is_long(own.seconds):
            self.benchmark.pedantic(own.timed, rounds=self.rounds.fewest)
        else:
            self.benchmark(own.timed)

    def _time_in_pairs(self, own: "_Checked", other: "_Checked") -> None:
        """Let pytest-benchmark time each round of *own* just before or after one of *other*."""
        seconds = own.seconds + other.seconds
        if not self.rounds.is_long(seconds):  # first calls may have taken longer than the next ones
            seconds = own.again() + other.again()
        rounds = beside.rounds(self.rounds.fewest, seconds, self.rounds.max_time)
        pairs = Pairs(other.timed, self.benchmark._timer)  # noqa: SLF001 - both by one clock
        self.benchmark.pedantic(own.timed, setup=pairs.before, rounds=rounds)
        pairs.end()
        assert self.benchmark.stats is not None  # it is enabled
        name, data = other.trial.case.implementation, self.benchmark.stats.stats.data
        self.benchmark.extra_info["beside"] = beside.compared(name, data, pairs.seconds)

    def _describe(self, question: Question, own: "_Checked") -> None:
        """Save with the timings what they are timings of."""
        trial, work = own.trial, own.account()
        workers = trial.stage.workers
        at_work: Sequence[Conditions] = workers or (conditions(),)
        tasks = work.calls // own.calls if work and workers else 0
        moved = nbytes(trial.rows) if tasks else 0
        self.benchmark.extra_info.update(
            {name: value for name, value in asdict(trial.case).items() if value},
            shape=shape(trial.rows),
            row=question.row,
            tasks=tasks,
            bytes_per_task=moved // tasks if tasks else 0,
            bytes_moved=moved + nbytes(own.result) if tasks else 0,
            workers=len(workers),
            nodes=len({worker.node for worker in workers if worker.node}),  # of Ray's
            late_workers=work.late if work else 0,
            cpus_proven=work is not None,
            code=question.subject.code.route,
            niceness=max(process.niceness for process in at_work),
            blas_threads=max(process.blas_threads for process in at_work),
            allocator=" or ".join(sorted({process.allocator for process in at_work})),
            set_late=self.set_late,
            oversubscribed=self.oversubscribed,
            **placed(question.subject.cluster, "", workers),
        )


class _Checked:
    """A way that is set up and was called once, with the result that is expected.

    It took so many *seconds* then; *timed* is the call whose rounds are to be timed.
    """

    def __init__(self, trial: Trial, question: Question) -> None:
        __tracebackhide__ = True
        case = uuid4().hex
        start = time.perf_counter()
        self.first, self.result = trial.check(question.kernel, question.expectation, case)
        self.seconds = time.perf_counter() - start
        self.trial, self.timed = trial, trial.call(question.kernel, case)

    def again(self) -> float:
        """Return the seconds of one more call."""
        start = time.perf_counter()
        self.timed()
        return time.perf_counter() - start

    @property
    def calls(self) -> int:
        """How often it was called."""
        return self.first.calls + self.timed.calls

    def account(self) -> Work | None:
        """Return what was seen of the work of all calls, see ``Trial.account``."""
        return self.trial.account([self.first, self.timed])
