"""What the caller of ``.remote()`` waits for: not for the work."""

from typing import Any

import numpy as np
import pytest
import ray
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.matrix import CALLS, SECONDS
from kernels.timer import timer


@pytest.mark.ray(cpus=CALLS)
@pytest.mark.overhead
@pytest.mark.usefixtures("ray_cluster")
def test_submission(benchmark: BenchmarkFixture, pytestconfig: pytest.Config) -> None:
    """Four naps are submitted in milliseconds; in the clock are the four ``.remote()`` calls."""
    nap = ray.remote(num_cpus=1, max_retries=0)(timer)
    submitted: list[Any] = []

    def submit() -> None:
        submitted[:] = [nap.remote([call], SECONDS["small"]) for call in range(CALLS)]

    def finish() -> list[Any]:
        return ray.get(submitted)

    submit()
    finish()  # the workers know the function now
    benchmark.group = "submission"
    rounds = pytestconfig.getoption("--benchmark-min-rounds")
    benchmark.pedantic(submit, teardown=finish, rounds=rounds)

    assert np.concatenate(finish()).tolist() == list(range(CALLS))
