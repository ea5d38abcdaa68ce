"""What Ray costs by itself: how long must a task be, what does a task cost, and what a byte?"""

import time
from collections.abc import Iterator
from functools import partial
from statistics import median

import numpy as np
import pytest

from benchmarks.matrix import LENGTHS, NBYTES
from kernels.overhead import additions, bytes_in, bytes_out
from rayscale.suite.cluster import Cluster
from rayscale.suite.probe import Probe

TASKS_THAT_MOVE = 4
TOTAL = 0.05  # seconds of all tasks of one length, as far as so many tasks make sense

pytestmark = pytest.mark.overhead


@pytest.fixture(scope="module", autouse=True)
def give_back(ray_cluster: Cluster | None) -> Iterator[None]:
    """Probes hold their CPUs from one to the next; the last one gives them back."""
    yield
    if ray_cluster:
        ray_cluster.release()


@pytest.fixture(scope="session")
def additions_a_second() -> float:
    """How many interpreted additions a second takes here, in a middle one of nine tries."""
    tries, number = [], 200_000
    for _ in range(9):
        start = time.perf_counter()
        additions(np.zeros((1, 1)), number)
        tries.append(time.perf_counter() - start)
    return number / median(tries)


def test_task_length(probe: Probe, amount: str, additions_a_second: float) -> None:
    """Tasks of one length, serially and by Ray: which share of the ideal is reached?"""
    seconds = LENGTHS[amount]
    each = max(2, min(100, round(TOTAL / seconds)) // probe.cpus)
    tasks = probe.cpus * each  # as many for each CPU
    work = partial(additions, number=max(1, round(seconds * additions_a_second)))
    probe(work, np.zeros((tasks, 1)), seconds=seconds)


def test_empty_tasks(probe: Probe, amount: int) -> None:
    """Tasks that do nothing."""
    probe(bytes_in, np.zeros((amount, 1)))


def test_bytes_in(probe: Probe, amount: str) -> None:
    """Tasks that get much: inline up to 100 KiB, through the object store above."""
    probe(bytes_in, np.ones((TASKS_THAT_MOVE, NBYTES[amount]), dtype=np.uint8))


def test_bytes_out(probe: Probe, amount: str) -> None:
    """Tasks that give much."""
    probe(partial(bytes_out, number=NBYTES[amount]), np.zeros((TASKS_THAT_MOVE, 1)))
