"""A probe: what a way of running costs by itself, timed with work that is known beforehand."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.case import find
from rayscale.suite.cluster import Cluster

Rows = NDArray[Any]


@dataclass(frozen=True)
class Probe:
    """Time known work, run one way on some CPUs; what a benchmark of overhead calls."""

    name: str
    implementation: str
    cpus: int
    benchmark: BenchmarkFixture
    rounds: int
    cluster: Cluster | None

    def __call__(self, kernel: Callable[[Rows], Rows], rows: Rows, **known: float) -> None:
        """Run *kernel* on *rows*, a row a task, once to warm up and then in the clock.

        *known* is saved with it: ``seconds``, the intended length of a task, say.  AssertionError
        if Ray's result is not the kernel's own.
        """
        run = partial(
            find("kernels", f"implementations.{self.implementation}"), kernel, rows, cpus=self.cpus
        )
        if self.cluster is None:
            result = self._time(run)
        else:
            group = self.cluster.hold(self.cpus)
            self.cluster.call_roll(self.cpus, group)
            result = self._time(partial(run, placement_group=group))
        np.testing.assert_array_equal(result, kernel(rows))
        self.benchmark.extra_info.update(
            overhead=self.name,
            implementation=self.implementation,
            cpus=self.cpus,
            tasks=len(rows),
            bytes_moved=rows.nbytes + result.nbytes,
            **known,
        )

    def _time(self, call: Callable[[], Rows]) -> Rows:
        call()
        result: Rows = self.benchmark.pedantic(call, rounds=self.rounds)
        return result
