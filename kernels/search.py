"""The search: how good is each of many policies, by the mean return over the same episodes?"""

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from .rollout import Floats, rollout_gymnasium


def search(
    policies: ArrayLike,
    seeds: ArrayLike,
    environment: str = "CartPole-v1",
    steps: SupportsIndex = 500,
) -> Floats:
    """Return the mean return of each of *policies*, of the shape (n, actions, observations).

    All play the same episodes, one for each of *seeds*, of Gymnasium's *environment*, so that
    policies differ and luck does not.  See ``rollout_gymnasium`` for what an episode is, and for
    what is raised; ValueError if *policies* have not three axes, or if there is no episode.

    >>> still, leaning = [[0, 0, 0, 0], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 1, 1]]
    >>> search([still, leaning], seeds=[1, 2], steps=50)
    array([ 9.5, 50. ])
    """
    each = np.asarray(policies)
    if each.ndim != 3:
        raise ValueError(
            f"policies have {each.ndim} dimensions; give three: policies x actions x observations"
        )
    if not np.size(seeds):
        raise ValueError("there is no seed, so no mean return; give one at least")
    returns = (rollout_gymnasium(seeds, one, environment, steps) for one in each)
    return np.array([one.mean() for one in returns], dtype=np.float64)
