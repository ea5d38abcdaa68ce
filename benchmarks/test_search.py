"""Which of some policies is best?  A trial for each: serially, by Ray's tasks, by Ray Tune.

Run by ``tox run -e rl``: they need Tune, and take minutes.
"""

import numpy as np
import pytest

from benchmarks import matrix
from kernels.search import search
from rayscale import Measure
from rayscale.trials import test_task_length

__all__ = ["test_task_length"]

pytestmark = pytest.mark.rl


@matrix.search
def test_search(measure: Measure, size: tuple[int, int]) -> None:
    """Each policy has the mean return that it has by itself, whoever plays its episodes."""
    policies, episodes = size
    weights = np.random.default_rng(seed=2020).standard_normal((policies, 2, 4))
    seeds = np.arange(episodes)
    expected = np.concatenate([search(one[np.newaxis], seeds) for one in weights])
    measure(weights, expected=expected, bound={"seeds": seeds}, row="trial")
