"""One case: its result is checked, its CPU count proven, its time taken."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.case import Case, find, functions
from rayscale.suite.cluster import Cluster
from rayscale.suite.environment import Conditions, conditions
from rayscale.suite.options import Rounds
from rayscale.suite.phases import observe
from rayscale.suite.witness import Witnessed

# Beyond this, a result is another one.  The kernels differ from each other by rounding:
# measured 3e-15 for a million standard normals.
RELATIVE, ABSOLUTE = 1e-9, 1e-12

Call = Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Measure:
    """Check, prove and time one case; what a benchmark calls."""

    case: Case
    oversubscribed: bool
    benchmark: BenchmarkFixture
    rounds: Rounds
    cluster: Cluster | None

    def __call__(
        self, rows: NDArray[Any], expected: NDArray[Any], bound: Mapping[str, Any] | None = None
    ) -> None:
        """Run the case on *rows*, which must give *expected*; then time it, if this run times.

        *bound* are further arguments of the kernel.  In the clock is one call of the
        implementation, from array in to array out.  AssertionError if the result is another;
        ClusterError if the work did not run on the case's number of CPUs.
        """
        names = functions(self.case.problem, self.case.kernel, self.case.implementation)
        found, run = (find("kernels", name) for name in names)
        kernel = partial(found, **(bound or {}))
        witnessed = Witnessed(kernel, case=uuid4().hex)
        if self.cluster is None:
            call = partial(run, witnessed, rows, cpus=self.case.cpus)
            self._check_and_time(call, expected)
            self._describe(rows, expected, tasks=0, workers=[])
            return
        with self.cluster.grant(self.case.cpus) as group:
            run = partial(run, cpus=self.case.cpus, placement_group=group)
            workers = self.cluster.call_roll(self.case.cpus, group)
            calls = self._check_and_time(partial(run, witnessed, rows), expected)
            work = self.cluster.account(witnessed.case, rows=len(rows) * calls)
            self._describe(rows, expected, work.calls // calls, workers, late=work.late)
            if self.benchmark.enabled:
                phases = observe(run, kernel, rows, self.cluster, self.case.cpus)
                self.benchmark.extra_info["phases"] = phases and asdict(phases)

    def _check_and_time(self, call: Call, expected: NDArray[Any]) -> int:
        """Check one call, and time further ones if this run times; return how many there were."""
        if not self.benchmark.enabled:
            check(self.benchmark(call), expected)
            return 1
        start = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - start
        check(result, expected)
        return 1 + self._time(call, seconds)

    def _time(self, call: Call, seconds: float) -> int:
        """Let pytest-benchmark time *call*, which took *seconds*; return how often it called.

        Its calibration calls once more than it times, and once more at the end for the result. A
        long call gets the fewest rounds in any case: then both would be waste.
        """
        calls = 0

        def counted() -> NDArray[Any]:
            nonlocal calls
            calls += 1
            return call()

        if seconds < self.rounds.long:
            self.benchmark(counted)
        else:
            self.benchmark.pedantic(counted, rounds=self.rounds.fewest)
        return calls

    def _describe(
        self,
        rows: NDArray[Any],
        expected: NDArray[Any],
        tasks: int,
        workers: list[Conditions],
        late: int = 0,
    ) -> None:
        """Save with the timings what they are timings of."""
        at_work = workers or [conditions()]
        self.benchmark.extra_info.update(
            asdict(self.case),
            shape=list(rows.shape),
            tasks=tasks,
            bytes_per_task=rows.nbytes // tasks if tasks else 0,
            bytes_moved=rows.nbytes + expected.nbytes if tasks else 0,
            workers=len(workers),
            late_workers=late,
            niceness=max(process.niceness for process in at_work),
            blas_threads=max(process.blas_threads for process in at_work),
            allocator=" or ".join(sorted({process.allocator for process in at_work})),
            oversubscribed=self.oversubscribed,
        )


def check(result: NDArray[Any], expected: NDArray[Any]) -> None:
    """Raise AssertionError, with the largest difference, unless *result* is *expected*."""
    np.testing.assert_allclose(result, expected, rtol=RELATIVE, atol=ABSOLUTE)
