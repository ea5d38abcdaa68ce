"""The rollout: the return of a linear policy over whole episodes, one row per episode.

All kernels here take the same arguments and give the same returns, whoever runs them, because the
seed belongs to the episode and not to the worker:

*seeds* is one axis of whole numbers, at least 0; each starts an episode with ``reset(seed=...)``.
*weights* is the policy, one row for each action.  It takes the action with the largest score,
``weights @ observation``, and the first of equal ones.  (Where scores differ by rounding alone,
another kernel may choose another action.)  An episode ends where the environment says so, and after
*steps* steps at the latest.  A return is the sum of an episode's rewards, as float64.

TypeError if *seeds* or *steps* are not whole numbers, if *weights* are not numbers, or if the
environment has not one axis of observations and a finite number of actions.  ValueError for other
shapes, for weights that are not finite, for a seed below 0 and for less than one step.

The kernels that ask Gymnasium need it installed.  They raise gymnasium.error.Error where it does
not know the environment.
"""

import math
import operator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from gymnasium import Env, Space
    from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

Floats = NDArray[np.float64]

# Of rollout_vector_sync.  1, 4, 8, 16 and 50 take 25.6, 12.2, 10.3, 10.0 and 8.7 us a step of the
# cart, and one environment by itself 8.1 us (an AMD EPYC, Python 3.11; CPU time, n=9).
ENVS = 50

# CartPole-v1, in metres, kilograms, seconds and radians.
GRAVITY, CART, POLE, HALF_LENGTH, FORCE, TAU = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
MASS, MOMENT = POLE + CART, POLE * HALF_LENGTH
FARTHEST, STEEPEST = 2.4, 12 * 2 * math.pi / 360
FIRST = 0.05  # each number of the first state is uniform between -FIRST and FIRST


def rollout_gymnasium(
    seeds: ArrayLike,
    weights: ArrayLike,
    environment: str = "CartPole-v1",
    steps: SupportsIndex = 500,
) -> Floats:
    """Play one episode after the other, as users of Gymnasium do; the environment is made once.

    A push to the right wherever the pole leans or turns to the right keeps it up for long:

    >>> rollout_gymnasium([1, 2], weights=[[0, 0, 0, 0], [0, 0, 1, 1]], steps=50)
    array([50., 50.])
    """
    import gymnasium

    rows, limit = _seeds(seeds), _whole(steps)
    with closing(gymnasium.make(environment, max_episode_steps=limit)) as env:
        policy = _linear(weights, env.observation_space, env.action_space)
        return np.array([_play(env, policy, seed) for seed in rows.tolist()], dtype=np.float64)


def rollout_vector_sync(
    seeds: ArrayLike,
    weights: ArrayLike,
    environment: str = "CartPole-v1",
    steps: SupportsIndex = 500,
    envs: SupportsIndex = ENVS,
    vector: "SyncVectorEnv | AsyncVectorEnv | None" = None,
) -> Floats:
    """Play *envs* episodes at a time in Gymnasium's ``SyncVectorEnv``, or in a *vector* of yours.

    Autoreset is disabled: by itself it goes on with a seed of the environment's own.  Instead an
    environment that has ended its episode is reset with the next row's seed; where no row is left,
    it plays on and its rewards are not counted.  A *vector* of the caller's must have it disabled,
    too; its own environments count then, and not *environment*, *steps* and *envs*.

    >>> rollout_vector_sync([1, 2], weights=[[0, 0, 0, 0], [0, 0, 1, 1]], steps=50)
    array([50., 50.])
    """
    import gymnasium
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    rows, limit, number = _seeds(seeds), _whole(steps), _whole(envs)
    if vector is not None:
        return _play_together(vector, weights, rows.tolist())
    make = partial(gymnasium.make, environment, max_episode_steps=limit)
    together = [make] * max(1, min(number, len(rows)))
    with closing(SyncVectorEnv(together, autoreset_mode=AutoresetMode.DISABLED)) as own:
        return _play_together(own, weights, rows.tolist())


def rollout_numpy(seeds: ArrayLike, weights: ArrayLike, steps: SupportsIndex = 500) -> Floats:
    """Play all episodes of CartPole-v1 at once, a step of all of them at a time.

    The states are those of Gymnasium to the last bit, see ``cartpole_step``.  A step takes about 30
    array operations, however many episodes there are.

    >>> rollout_numpy([1, 2], weights=[[0, 0, 0, 0], [0, 0, 1, 1]], steps=50)
    array([50., 50.])
    """
    rows, limit, policy = _seeds(seeds), _whole(steps), _numbers(weights, (2, 4))
    lengths = np.full(len(rows), float(limit))  # the reward is 1 a step
    playing, states = np.arange(len(rows)), _first_states(rows.tolist())
    for step in range(1, limit + 1):
        scores = policy @ states.astype(np.float32)  # Gymnasium's observations have 32 bits
        states = cartpole_step(states, scores[1] > scores[0])
        over = _has_fallen(states)
        if over.any():
            lengths[playing[over]] = step
            playing, states = playing[~over], states[:, ~over]
            if not playing.size:
                break
    return lengths


def cartpole_step(states: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return the states of carts and poles 0.02 s on, pushed to the *right* or to the left.

    *states* has the shape (4, n): the cart's place and speed, the pole's angle and its speed.

    Source: ``CartPoleEnv.step`` of Gymnasium 1.2.  The order of its operations is kept, so that
    results are the same to the last bit.  It has the cart and pole of Barto, Sutton and Anderson
    (IEEE Trans. SMC 13, 1983, 834), the equations as corrected by Florian (2007), without friction,
    and Euler's method.
    """
    place, speed, angle, turn = states
    sine, cosine = np.sin(angle), np.cos(angle)
    push = (np.where(right, FORCE, -FORCE) + MOMENT * np.square(turn) * sine) / MASS
    turning = (GRAVITY * sine - cosine * push) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE * np.square(cosine) / MASS)
    )
    speeding = push - MOMENT * turning * cosine / MASS
    return np.stack(
        (place + TAU * speed, speed + TAU * speeding, angle + TAU * turn, turn + TAU * turning)
    )


def _has_fallen(states: Floats) -> NDArray[np.bool_]:
    """Tell which carts have left the track, or which poles have fallen."""
    fallen: NDArray[np.bool_] = (np.abs(states[0]) > FARTHEST) | (np.abs(states[2]) > STEEPEST)
    return fallen


def _first_states(seeds: list[int]) -> Floats:
    """Return the states that ``reset(seed=...)`` draws, of the shape (4, n)."""
    draws = [np.random.default_rng(seed).uniform(-FIRST, FIRST, 4) for seed in seeds]
    return np.array(draws, dtype=np.float64).reshape(-1, 4).T


def _play(env: "Env[Any, Any]", policy: Floats, seed: int) -> float:
    """Play the episode of *seed* and return the sum of its rewards."""
    observation, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        action = int(np.argmax(policy @ observation))
        observation, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        over = terminated or truncated
    return total


def _play_together(vector: Any, weights: ArrayLike, seeds: list[int]) -> Floats:
    """Play the episodes of all *seeds*, as many at a time as *vector* has environments."""
    policy = _linear(weights, vector.single_observation_space, vector.single_action_space)
    last = len(seeds)  # what an environment plays that has no row
    seeds_and_last, returns = [*seeds, 0], np.zeros(last + 1)
    playing = np.minimum(np.arange(vector.num_envs), last)
    waiting = iter(range(vector.num_envs, last))
    observations, _ = vector.reset(seed=[seeds_and_last[row] for row in playing])
    while (playing < last).any():
        actions = np.argmax(observations @ policy.T, axis=1)
        observations, rewards, terminated, truncated, _ = vector.step(actions)
        returns[playing] += rewards
        over = terminated | truncated
        if over.any():
            playing[over] = [next(waiting, last) for _ in range(over.sum())]
            observations, _ = vector.reset(
                seed=[seeds_and_last[row] for row in playing], options={"reset_mask": over}
            )
    return returns[:last]


def _linear(weights: ArrayLike, observations: "Space[Any]", actions: "Space[Any]") -> Floats:
    """Return *weights* as a policy from *observations* to *actions*, or say why it is none."""
    from gymnasium.spaces import Box, Discrete

    if not (isinstance(observations, Box) and len(observations.shape) == 1):
        raise TypeError(
            f"the environment's observations are {observations}; a linear policy needs a Box with "
            "one axis"
        )
    if not (isinstance(actions, Discrete) and actions.start == 0):
        raise TypeError(
            f"the environment's actions are {actions}; a linear policy needs a Discrete from 0"
        )
    return _numbers(weights, (int(actions.n), observations.shape[0]))


def _numbers(weights: ArrayLike, shape: tuple[int, int]) -> Floats:
    """Return *weights* as a float64 array of that *shape*, or say why it is none."""
    policy = np.asarray(weights)
    if policy.dtype.kind not in "iuf":
        raise TypeError(f"weights have dtype {policy.dtype}; give an integer or floating dtype")
    if policy.shape != shape:
        raise ValueError(
            f"weights have the shape {policy.shape}; give {shape}: actions x numbers observed"
        )
    if not np.isfinite(policy).all():
        raise ValueError("weights are not all finite; give numbers that are")
    return policy.astype(np.float64)


def _seeds(seeds: ArrayLike) -> NDArray[Any]:
    """Return *seeds* as an array with one axis, or say why it is none."""
    rows = np.asarray(seeds)
    if rows.ndim != 1:
        raise ValueError(f"seeds have {rows.ndim} dimensions; give one row of them")
    if rows.size and rows.dtype.kind not in "iu":
        raise TypeError(f"seeds have dtype {rows.dtype}; give whole numbers")
    if rows.size and rows.min() < 0:
        raise ValueError(f"the seed {rows.min()} is below 0; give whole numbers, at least 0")
    return rows


def _whole(number: SupportsIndex) -> int:
    """Return *number* as an int of at least 1, or say why it is none."""
    try:
        whole = operator.index(number)
    except TypeError:
        raise TypeError(f"{number!r} is not a whole number; give one, at least 1") from None
    if whole < 1:
        raise ValueError(f"{whole} is below 1; give a whole number, at least 1")
    return whole
