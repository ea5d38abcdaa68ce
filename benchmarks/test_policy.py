"""What it takes to send a policy of many weights to workers, as after each step of learning."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale import SessionCluster

WORKERS = 2
WEIGHTS = {"16Ki": 2**14, "1Mi": 2**20, "16Mi": 2**24}  # of 32 bits: 64 KiB, 4 MiB and 64 MiB


@pytest.mark.ray(cpus=WORKERS)
@pytest.mark.overhead
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("sent", ["to_each", "once"])
def test_policy(
    benchmark: BenchmarkFixture, rayscale_cluster: SessionCluster, sent: str, weights: str
) -> None:
    """All workers get the weights: each its own copy, or all the one in Ray's object store.

    In the clock are sending, one task for each worker, and its answer.  What a kernel is bound to
    goes to each worker once, before it is timed; so a policy that changes is a matter of its own.
    """
    rayscale_cluster.running()
    import ray  # the cluster's start sets what Ray reads when it is imported

    policy = np.arange(WEIGHTS[weights], dtype=np.float32)

    @ray.remote(num_cpus=1, max_retries=0)
    def last(received: np.ndarray) -> float:
        return float(received[-1])

    def send() -> list[float]:
        given = ray.put(policy) if sent == "once" else policy
        answers: list[float] = ray.get([last.remote(given) for _ in range(WORKERS)])
        return answers

    send()  # the workers know the function now
    benchmark.group = f"policy {weights}"
    answers = benchmark.pedantic(send, rounds=15)

    assert answers == [WEIGHTS[weights] - 1] * WORKERS
