"""A probe: what a way of running costs by itself, timed with work that is known beforehand."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pytest
from _pytest.mark import ParameterSet  # pytest.param makes these, and gives them no public name
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.cluster import SessionCluster
from rayscale.suite.stage import needs
from rayscale.suite.ways import ray_per_row, serial

Rows = NDArray[Any]

SIZE = "overhead"  # the name by which probes are among the sizes of a session
NAMES = ("implementation", "cpus", "amount")
WAYS = {"serial": serial, "ray_per_row": ray_per_row}

# The amounts that each probe goes through: tasks of so many seconds, so many tasks, so many bytes.
LENGTHS = {
    "10us": 10e-6,
    "30us": 30e-6,
    "100us": 100e-6,
    "300us": 300e-6,
    "1ms": 1e-3,
    "3ms": 3e-3,
    "10ms": 10e-3,
    "30ms": 30e-3,
    "100ms": 100e-3,
}
TASKS = (1, 10, 100, 300)
NBYTES = {"1KiB": 2**10, "96KiB": 96 * 2**10, "104KiB": 104 * 2**10, "1MiB": 2**20, "8MiB": 2**23}
AMOUNTS = "__rayscale_amounts__"  # where a probe's test keeps what it goes through


def amounts(*each: str | int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have a test run once for each amount, on each CPU count."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        setattr(test, AMOUNTS, each)
        marked: Callable[..., None] = pytest.mark.overhead(test)
        return marked

    return mark


def parameters(test: Callable[..., None], cpus: tuple[int, ...]) -> list[ParameterSet]:
    """Return what the probe *test* goes through; tasks of a length serially, too, for the ideal."""
    return list(_parameters(test.__name__, getattr(test, AMOUNTS, ()), cpus))


def _parameters(
    name: str, each: tuple[str | int, ...], cpus: tuple[int, ...]
) -> Iterator[ParameterSet]:
    if name == "test_task_length":
        for amount in each:
            yield pytest.param("serial", 1, amount, id=f"serial-{amount}")
    for count in cpus:
        for amount in each:
            at = f"ray_per_row-cpus{count}-{amount}"
            yield pytest.param("ray_per_row", count, amount, id=at, marks=pytest.mark.ray)


@dataclass(frozen=True)
class Probe:
    """Time known work, run one way on some CPUs; what a benchmark of overhead calls."""

    name: str
    implementation: str
    cpus: int
    benchmark: BenchmarkFixture
    rounds: int
    cluster: SessionCluster

    def __call__(self, kernel: Callable[[Rows], Rows], rows: Rows, **known: float) -> None:
        """Run *kernel* on *rows*, a row a task, once to warm up and then in the clock.

        *known* is saved with it: ``seconds``, the intended length of a task, say.  AssertionError
        if Ray's result is not the kernel's own.
        """
        way, place = WAYS[self.implementation], None
        if needs(way).ray:
            running = self.cluster.running()
            place = running.hold(self.cpus)  # until the cluster ends: the next probe has it at once
            running.call_roll(self.cpus, place, [kernel])

        def call() -> Rows:
            result: Rows = way(kernel, rows, cpus=self.cpus, place=place)
            return result

        call()
        result = self.benchmark.pedantic(call, rounds=self.rounds)
        np.testing.assert_array_equal(result, kernel(rows))
        self.benchmark.extra_info.update(
            overhead=self.name,
            implementation=self.implementation,
            cpus=self.cpus,
            tasks=len(rows),
            bytes_moved=rows.nbytes + result.nbytes,
            **known,
        )


def additions_a_second(additions: Callable[[Rows, int], Rows]) -> float:
    """Return how many interpreted additions a second takes here, in a middle one of nine tries."""
    tries, number = [], 200_000
    for _ in range(9):
        start = time.perf_counter()
        additions(np.zeros((1, 1)), number)
        tries.append(time.perf_counter() - start)
    return number / median(tries)
