"""How long must a trial of Ray Tune be?  Beside ``rayscale.overhead``: trials take seconds.

``pytest --pyargs rayscale.trials --benchmark-only`` runs it where ray[tune] is installed, or a file
of benchmarks imports the test.
"""

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from rayscale.suite.amounts import additions
from rayscale.suite.probe import TRIALS, additions_a_second, amounts

if TYPE_CHECKING:
    from rayscale.suite.probe import Probe

__all__ = ["test_task_length"]

EACH = 2  # trials for each CPU: one in a new actor, and one for which it can be used again
LENGTHS = {"300ms": 0.3, "1s": 1.0, "3s": 3.0, "10s": 10.0}

speed = cache(partial(additions_a_second, additions))


@amounts(*LENGTHS, ways=TRIALS)
def test_task_length(rayscale_probe: "Probe", amount: str) -> None:
    """Trials of one length, serially and by Tune: which share of the ideal is reached?"""
    work = partial(additions, number=max(1, round(LENGTHS[amount] * speed())))
    rayscale_probe(work, np.zeros((EACH * rayscale_probe.cpus, 1)), seconds=LENGTHS[amount])
