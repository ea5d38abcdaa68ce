"""Rollouts of a policy: does Ray pay for simulations, and from which length of episode on?"""

import numpy as np

from benchmarks import matrix
from kernels.rollout import rollout_numpy, rollout_vector_sync
from rayscale import Measure


@matrix.rollout
def test_rollout(measure: Measure, size: tuple[int, int]) -> None:
    """Every kernel, run every way, gives the returns of the vectorised dynamics."""
    episodes, steps = size
    seeds = np.random.default_rng(seed=2020).integers(2**31, size=episodes)
    expected = rollout_numpy(seeds, matrix.BALANCE, steps)
    measure(seeds, expected, bound={"steps": steps}, row="episode")


@matrix.acrobot
def test_rollout_acrobot(measure: Measure, size: int) -> None:
    """A slower environment, run every way, gives the returns of Gymnasium's vector of them."""
    seeds = np.random.default_rng(seed=2020).integers(2**31, size=size)
    expected = rollout_vector_sync(seeds, matrix.SWING, matrix.ACROBOT)
    measure(seeds, expected, row="episode")
