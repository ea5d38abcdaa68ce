"""A probe: what a way of running costs by itself, timed with work that is known beforehand."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import median
from typing import Any

import numpy as np
import pytest
from _pytest.mark import ParameterSet  # pytest.param makes these, and gives them no public name
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite import placing
from rayscale.suite.actors import ray_actors, ray_shared
from rayscale.suite.attempts import Attempts
from rayscale.suite.cluster import SessionCluster
from rayscale.suite.environment import Conditions
from rayscale.suite.neighbours import noted
from rayscale.suite.parameters import placed_as
from rayscale.suite.pools import joblib, process_pool, ray_pool, thread_pool
from rayscale.suite.stage import needs, on_stage, placed
from rayscale.suite.tuning import tune, tune_reused
from rayscale.suite.ways import Kernel, ray_per_row, ray_per_row_in_turn, serial

Rows = NDArray[Any]

SIZE = "overhead"  # the name by which probes are among the sizes of a session
NAMES = ("implementation", "cpus", "amount")
RAYS_TASKS = {"ray_per_row": ray_per_row}
# They cut rows into blocks, of which a probe asks one for each row: a task.
PEERS = {
    "ray_actors": ray_actors,
    "ray_shared": ray_shared,
    "ray_pool": ray_pool,
    "process_pool": process_pool,
    "joblib": joblib,
    "thread_pool": thread_pool,
}
TRIALS = {"tune": tune, "tune_reused": tune_reused}  # for tests that name them: they take long
WAYS = {"serial": serial} | RAYS_TASKS | PEERS | TRIALS

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
# Of tasks that sleep: longer ones, too, for many CPUs need long tasks.
NAPS = (
    {"300us": 300e-6}
    | {length: seconds for length, seconds in LENGTHS.items() if seconds >= 1e-3}
    | {"300ms": 0.3, "1s": 1.0}
)
TASKS = (1, 10, 100, 300)
NBYTES = {"1KiB": 2**10, "96KiB": 96 * 2**10, "104KiB": 104 * 2**10, "1MiB": 2**20, "8MiB": 2**23}
MOVING = ("bytes_in", "bytes_out")  # probes whose tasks are bound to CPUs, on several nodes
FEW = 8  # CPUs beyond the cores on which tasks are timed that compute, or move bytes
AMOUNTS = "__rayscale_amounts__"  # where a probe's test keeps what it goes through, and its ways


def amounts(
    *each: str | int, ways: Iterable[str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have a test run once for each amount, on each CPU count, in *ways* or in the usual ones."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        setattr(test, AMOUNTS, (each, ways))
        marked: Callable[..., None] = pytest.mark.overhead(test)
        return marked

    return mark


def parameters(
    test: Callable[..., None],
    cpus: tuple[int, ...],
    cores: int,
    placements: tuple[str, ...],
    ways: Iterable[str] = RAYS_TASKS,
) -> list[ParameterSet]:
    """Return what the probe *test* goes through, by Ray's tasks, where there are so many *cores*.

    Tasks of a length are run in all *ways*, or in those of the test's own, and, for the ideal,
    serially.  Those that sleep are run where a count is above the cores; on more than a FEW CPUs
    beyond these, only they and empty tasks are.
    """
    each, own = getattr(test, AMOUNTS, ((), None))
    few = tuple(count for count in cpus if count <= max(cores, FEW))
    if test.__name__ == "test_empty_tasks":
        return list(_parameters(each, cpus, placements, RAYS_TASKS))
    if test.__name__ == "test_nap_length":
        many = cpus if max(cpus) > cores else ()
        ideal = _ideal(each, placements) if many else []
        return [*ideal, *_parameters(each, many, placements, RAYS_TASKS)]
    if test.__name__ != "test_task_length":
        return list(_parameters(each, few, placements, RAYS_TASKS))
    tasks = _parameters(each, few, placements, own or ways, pytest.mark.ways)
    return [*(_ideal(each, placements, pytest.mark.ways) if few else []), *tasks]


def _ideal(
    each: tuple[str | int, ...], placements: tuple[str, ...], *marks: pytest.MarkDecorator
) -> list[ParameterSet]:
    """Return the amounts, run serially."""
    return [
        pytest.param("serial", 1, amount, *last, id=f"serial-{amount}", marks=marks)
        for amount in each
        for last in placed_as(serial, 1, placements)
    ]


def _parameters(
    each: tuple[str | int, ...],
    cpus: tuple[int, ...],
    placements: tuple[str, ...],
    ways: Iterable[str],
    *marks: pytest.MarkDecorator,
) -> Iterator[ParameterSet]:
    for way in ways:
        own = [pytest.mark.ray, *marks] if needs(WAYS[way]).ray else marks
        for count in cpus:
            for amount, last in product(each, placed_as(WAYS[way], count, placements)):
                at = "-".join([f"{way}-cpus{count}", *filter(None, last), str(amount)])
                yield pytest.param(way, count, amount, *last, id=at, marks=own)


@dataclass(frozen=True)
class Probe:
    """Time known work, run one way on some CPUs; what a benchmark of overhead calls."""

    name: str
    implementation: str
    cpus: int
    placement: str
    benchmark: BenchmarkFixture
    rounds: int
    cluster: SessionCluster
    attempts: Attempts

    def __call__(self, kernel: Callable[[Rows], Rows], rows: Rows, **known: float) -> None:
        """Run *kernel* on *rows*, a row a task, once to warm up and then in the clock.

        *known* is saved with it: ``seconds``, the intended length of a task, say.  AssertionError
        if Ray's result is not the kernel's own.
        """
        __tracebackhide__ = True
        self.attempts.run(self._time, kernel, rows, known)

    def _time(self, kernel: Kernel, rows: Rows, known: Mapping[str, float]) -> None:
        __tracebackhide__ = True
        with self._set_up(kernel, len(rows)) as (run, workers, share):

            def call() -> Rows:
                result: Rows = run(kernel, rows)
                return result

            call()
            with noted(self.benchmark, self.cpus, workers):
                result = self.benchmark.pedantic(call, rounds=self.rounds)
            where = placed(self.cluster, self.placement, workers)
        np.testing.assert_array_equal(result, kernel(rows))
        self.benchmark.extra_info.update(
            overhead=self.name,
            implementation=self.implementation,
            cpus=self.cpus,
            tasks=len(rows),
            bytes_moved=rows.nbytes + result.nbytes,
            **(
                {}
                if share is None
                else {"bytes_away": round(share * (rows.nbytes + result.nbytes))}
            ),
            **where,
            **known,
        )

    @contextmanager
    def _set_up(
        self, kernel: Kernel, tasks: int
    ) -> Iterator[tuple[Callable[..., Rows], Sequence[Conditions], float | None]]:
        """Have the CPUs stand ready, and give what runs a kernel there, in so many *tasks*.

        With it the share of the tasks that are on another node than this process; None where that
        is up to Ray, or the cluster has one node.
        """
        way = partial(WAYS[self.implementation], cpus=self.cpus)
        if self.implementation in PEERS:
            way = partial(way, blocks=tasks)
        with on_stage(way, self.cluster, self.cpus, self.placement, [kernel]) as stage:
            share = None
            if self.name in MOVING and self.implementation in RAYS_TASKS:
                nodes = placing.nodes_of(stage.place)
                if len(set(nodes)) > 1:
                    way = partial(ray_per_row_in_turn, cpus=self.cpus)
                share = placing.share_away(nodes, tasks)
            yield partial(way, place=stage.place), stage.workers, share


def additions_a_second(additions: Callable[[Rows, int], Rows]) -> float:
    """Return how many interpreted additions a second takes here, in a middle one of nine tries."""
    tries, number = [], 200_000
    for _ in range(9):
        start = time.perf_counter()
        additions(np.zeros((1, 1)), number)
        tries.append(time.perf_counter() - start)
    return number / median(tries)
