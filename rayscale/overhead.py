"""What Ray costs by itself: how long must a task be, what does a task cost, and what a byte?

Tests for any project: ``rayscale overhead`` runs them, or a file of benchmarks imports them.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rayscale.suite.amounts import additions, bytes_in, bytes_out, naps
from rayscale.suite.probe import LENGTHS, NAPS, NBYTES, TASKS, additions_a_second, amounts

if TYPE_CHECKING:
    from rayscale.suite.probe import Probe

__all__ = [
    "test_bytes_in",
    "test_bytes_out",
    "test_empty_tasks",
    "test_nap_length",
    "test_task_length",
]

TASKS_THAT_MOVE = 4
TOTAL = 0.05  # seconds of all tasks of one length, as far as so many tasks make sense

speed = cache(partial(additions_a_second, additions))


@amounts(*LENGTHS)
def test_task_length(rayscale_probe: "Probe", amount: str) -> None:
    """Tasks of one length, serially and by Ray: which share of the ideal is reached?"""
    seconds = LENGTHS[amount]
    work = partial(additions, number=max(1, round(seconds * speed())))
    rayscale_probe(work, _rows(seconds, rayscale_probe.cpus), seconds=seconds)


@amounts(*NAPS)
def test_nap_length(rayscale_probe: "Probe", amount: str) -> None:
    """Tasks that sleep, on any number of CPUs: they need no core, and the driver must feed all."""
    seconds = NAPS[amount]
    work = partial(naps, seconds=seconds)
    rayscale_probe(work, _rows(seconds, rayscale_probe.cpus), seconds=seconds)


def _rows(seconds: float, cpus: int) -> NDArray[Any]:
    """Return a row for each task of so many *seconds*: as many for each CPU, at least two."""
    each = max(2, min(100, round(TOTAL / seconds)) // cpus)
    return np.zeros((cpus * each, 1))


@amounts(*TASKS)
def test_empty_tasks(rayscale_probe: "Probe", amount: int) -> None:
    """Tasks that do nothing."""
    rayscale_probe(bytes_in, np.zeros((amount, 1)))


@amounts(*NBYTES)
def test_bytes_in(rayscale_probe: "Probe", amount: str) -> None:
    """Tasks that get much: inline up to 100 KiB, through the object store above."""
    rayscale_probe(bytes_in, np.ones((TASKS_THAT_MOVE, NBYTES[amount]), dtype=np.uint8))


@amounts(*NBYTES)
def test_bytes_out(rayscale_probe: "Probe", amount: str) -> None:
    """Tasks that give much."""
    rayscale_probe(partial(bytes_out, number=NBYTES[amount]), np.zeros((TASKS_THAT_MOVE, 1)))
