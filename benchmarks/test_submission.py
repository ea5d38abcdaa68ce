"""What the caller of ``.remote()`` waits for: not for the work."""

from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.matrix import CALLS
from kernels.timer import timer
from rayscale import SessionCluster

SECONDS = 0.1


@pytest.mark.ray(cpus=CALLS)
@pytest.mark.overhead
def test_submission(benchmark: BenchmarkFixture, rayscale_cluster: SessionCluster) -> None:
    """Four naps are submitted in milliseconds; in the clock are the four ``.remote()`` calls."""
    rayscale_cluster.running()
    import ray  # the cluster's start sets what Ray reads when it is imported

    nap = ray.remote(num_cpus=1, max_retries=0)(timer)
    submitted: list[Any] = []

    def submit() -> None:
        submitted[:] = [nap.remote([call], SECONDS) for call in range(CALLS)]

    def finish() -> list[Any]:
        return ray.get(submitted)

    submit()
    finish()  # the workers know the function now
    benchmark.group = "submission"
    benchmark.pedantic(submit, teardown=finish, rounds=7)

    assert np.concatenate(finish()).tolist() == list(range(CALLS))
