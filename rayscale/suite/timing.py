"""The answer of a timed run: the result is checked, the CPU count proven, the time taken."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import uuid4

from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.environment import Conditions, conditions
from rayscale.suite.measure import Question
from rayscale.suite.phases import observe
from rayscale.suite.stage import Work, needs
from rayscale.suite.trial import Counted, Trial, nbytes, shape


@dataclass(frozen=True)
class Rounds:
    """How often a call is timed: *fewest* times if it takes *long* seconds or more."""

    fewest: int
    long: float


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
        kernel, case = question.kernel, uuid4().hex
        with question.set_up([kernel]) as trial:
            start = time.perf_counter()
            checked, result = trial.check(kernel, question.expectation, case)
            seconds = time.perf_counter() - start
            timed = trial.call(kernel, case)
            self._time(timed, seconds)
            work = trial.account([checked, timed])
            self._describe(question, trial, result, work, calls=checked.calls + timed.calls)
            if self.benchmark.enabled and needs(trial.way).ray:
                phases = observe(trial, kernel)
                self.benchmark.extra_info["phases"] = phases and asdict(phases)

    def _time(self, call: Counted, seconds: float) -> None:
        """Let pytest-benchmark time *call*, which took *seconds*; nothing, where it is disabled.

        Its calibration calls once more than it times, and once more at the end for the result. A
        long call gets the fewest rounds in any case: then both would be waste.
        """
        if not self.benchmark.enabled:
            self.benchmark(int)  # it warns of a benchmark that does not use it
        elif seconds < self.rounds.long:
            self.benchmark(call)
        else:
            self.benchmark.pedantic(call, rounds=self.rounds.fewest)

    def _describe(
        self, question: Question, trial: Trial, result: object, work: Work | None, calls: int
    ) -> None:
        """Save with the timings what they are timings of."""
        workers = trial.stage.workers
        at_work: Sequence[Conditions] = workers or (conditions(),)
        tasks = work.calls // calls if work and workers else 0
        moved = nbytes(trial.rows) if tasks else 0
        self.benchmark.extra_info.update(
            asdict(trial.case),
            shape=shape(trial.rows),
            tasks=tasks,
            bytes_per_task=moved // tasks if tasks else 0,
            bytes_moved=moved + nbytes(result) if tasks else 0,
            workers=len(workers),
            late_workers=work.late if work else 0,
            cpus_proven=work is not None,
            code=question.subject.code.route,
            niceness=max(process.niceness for process in at_work),
            blas_threads=max(process.blas_threads for process in at_work),
            allocator=" or ".join(sorted({process.allocator for process in at_work})),
            set_late=self.set_late,
            oversubscribed=self.oversubscribed,
        )
