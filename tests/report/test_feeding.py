"""When the last task ends, against a simulation of all events."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.report.feeding import last_end
from rayscale.report.forecast import Cut, call, cut
from tests.report.foreseen import made_tariff


def simulated(tasks: int, cpus: int, feed: float, work: float) -> float:
    """Return when the last task ends: a driver, a queue, and workers that take from it."""
    free = [0.0] * cpus  # when each worker is free again
    ended = fed = 0.0
    for _ in range(tasks):
        fed += feed
        begun = max(fed, heapq.heappop(free))
        ended = max(ended, begun + work)
        heapq.heappush(free, begun + work)
    return ended


@given(
    tasks=st.integers(1, 300),
    cpus=st.integers(1, 70),
    feed=st.floats(1e-5, 1.0),
    work=st.floats(0.0, 10.0),
)
def test_last_end_is_that_of_the_simulation(
    tasks: int, cpus: int, feed: float, work: float
) -> None:
    """Whoever is late, driver or workers: the closed form ends when the last event does."""
    expected = simulated(tasks, cpus, feed, work)
    assert last_end(tasks, cpus, feed, work) == pytest.approx(expected)


@pytest.mark.parametrize("cpus", [4, 16, 64])
def test_overlapped_call_is_that_of_the_simulation(cpus: int) -> None:
    """Beyond the cores a call is bounded by a driver that feeds workers and by one after another.

    200 seeded rows of 1 to 20 ms on average, in tasks that cost the driver 0.5 ms each.
    """
    costs, seeded = made_tariff(feed=0.5e-3, worker=0.2e-3), np.random.default_rng(5)
    for row in seeded.uniform(1e-3, 20e-3, 20):
        own = cut("ray_per_row", 200, cpus)
        found = call(costs, own, cpus, row=row, nbytes=0, cores=2, known=cpus)
        ended = simulated(200, cpus, found.ray / 200, row + costs.in_worker(200))
        assert found.overlapped == pytest.approx(min(ended, found.added))
        assert found.overlapped <= found.seconds <= found.added


def test_on_the_machines_cores_all_is_added() -> None:
    """Driver and workers share two cores: 10 rows of 10 ms on 2 CPUs, and 10 tasks of 0.5 ms."""
    costs = made_tariff(feed=0.5e-3, worker=0.0)
    found = call(costs, Cut(10, 1), 2, row=10e-3, nbytes=0, cores=2, known=2)
    assert found.overlapped == found.added == pytest.approx(50e-3 + 5e-3)
    assert found.doubt == 0


def test_more_workers_than_were_measured_cost_more_and_are_doubted() -> None:
    """From 4 CPUs to 64 Ray's time grows by 16 ** 0.1, and its doubt is 0.1 ln 16 of its share."""
    costs = made_tariff(feed=1e-3, worker=0.0)
    found = call(costs, Cut(1000, 1), 64, row=1e-9, nbytes=0, cores=2, known=4)
    assert found.ray == pytest.approx(16**0.1)
    assert found.doubt == pytest.approx(0.1 * np.log(16), rel=1e-3)
