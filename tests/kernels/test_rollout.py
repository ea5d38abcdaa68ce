"""The rollout kernels: Gymnasium's episodes, step for step, whoever plays them."""

import re
from collections.abc import Callable
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import ArrayLike, NDArray

from benchmarks.matrix import BALANCE, SWING
from kernels.rollout import (
    _has_fallen,
    cartpole_step,
    rollout_gymnasium,
    rollout_numpy,
    rollout_vector_sync,
)

Floats = NDArray[np.float64]
Rollout = Callable[..., Floats]

KERNELS = (rollout_gymnasium, rollout_vector_sync, rollout_numpy)
OF_THE_LIBRARY = KERNELS[:2]
LEFT = [[1, 0, 0, 0], [-1, 0, 0, 0]]  # it pushes away from the middle


def _name(kernel: Rollout) -> str:
    return kernel.__name__.removeprefix("rollout_")


each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=_name)
each_of_the_library = pytest.mark.parametrize("kernel", OF_THE_LIBRARY, ids=_name)

# Normals: no two scores of an episode are so near each other that rounding would order them.
policies = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).normal(size=(2, 4)))
# Beyond the track and beyond the fall, and as fast as a few seconds of pushing make them.
states = hnp.arrays(
    np.float64, st.tuples(st.just(4), st.integers(1, 20)), elements=st.floats(-5, 5)
)


def played(seed: int, policy: Floats, steps: int, environment: str = "CartPole-v1") -> float:
    """Return what a user of Gymnasium sees: the return of one episode in a new environment."""
    env = gymnasium.make(environment, max_episode_steps=steps)
    observation, _ = env.reset(seed=seed)
    rewards: list[float] = []
    while True:
        scores = [float(row @ observation) for row in policy]
        observation, reward, terminated, truncated, _ = env.step(scores.index(max(scores)))
        rewards.append(float(reward))
        if terminated or truncated:
            return sum(rewards)


def cart_at(state: Floats) -> CartPoleEnv:
    """Return Gymnasium's cart and pole in that *state*."""
    cart = CartPoleEnv()
    cart.reset()
    cart.state = state
    return cart


def push(cart: CartPoleEnv, *, right: bool) -> bool:
    """Push *cart* for one step; tell whether the episode is over."""
    _, _, terminated, _, _ = cart.step(int(right))  # type: ignore[no-untyped-call]  # it has none
    return bool(terminated)


def assert_step_is_gymnasiums(states: Floats, right: NDArray[np.bool_]) -> None:
    """A step gives Gymnasium's states to the last bit, and ends the same episodes."""
    carts = [cart_at(state) for state in states.T]
    ended = [push(cart, right=one) for cart, one in zip(carts, right, strict=True)]
    after = cartpole_step(states, right)
    assert after.T.tobytes() == np.array([cart.state for cart in carts]).tobytes()
    assert _has_fallen(after).tolist() == ended


@given(states=states, data=st.data())
def test_cartpole_step_is_gymnasiums(states: Floats, data: st.DataObject) -> None:
    """From any states, a step leads where Gymnasium's does."""
    assert_step_is_gymnasiums(states, data.draw(hnp.arrays(np.bool_, states.shape[1])))


def test_cartpole_step_rounds_as_gymnasiums() -> None:
    """From thousands of states as episodes have them, no step differs by a last bit."""
    draw = np.random.default_rng(seed=4)
    assert_step_is_gymnasiums(draw.normal(size=(4, 4000)), draw.random(4000) < 0.5)


@given(seed=st.integers(0, 2**63), policy=policies)
def test_numpy_kernel_follows_gymnasium_step_for_step(seed: int, policy: Floats) -> None:
    """Cut off after any number of steps, an episode has lasted as long as Gymnasium's."""
    env = gymnasium.make("CartPole-v1").unwrapped
    observation, _ = env.reset(seed=seed)
    for steps in range(1, 30):
        observation, _, terminated, _, _ = env.step(int(np.argmax(policy @ observation)))
        assert rollout_numpy([seed], policy, steps).tolist() == [steps]
        if terminated:
            assert rollout_numpy([seed], policy, 1000).tolist() == [steps]
            return


def test_numpy_kernel_sees_what_gymnasium_shows() -> None:
    """Observations have 32 bits: where that decides the first action, episodes are the same."""
    for seed in range(20):
        place, speed, _, _ = np.random.default_rng(seed).uniform(-0.05, 0.05, 4)  # of the reset
        policy = np.array([[0, 0, 0, 0], [speed, -place, 0, 0]])  # in 64 bits it scores 0 at first
        assert rollout_numpy([seed], policy).tolist() == [played(seed, policy, 500)]


@settings(max_examples=30)
@given(
    seeds=st.lists(st.integers(0, 2**63), max_size=6),
    policy=policies,
    steps=st.integers(1, 40),
    envs=st.integers(1, 7),
)
def test_kernel_plays_the_episode_of_each_seed(
    seeds: list[int], policy: Floats, steps: int, envs: int
) -> None:
    """Every kernel gives each row the return of its own episode, whatever is played beside it."""
    expected = np.array([played(seed, policy, steps) for seed in seeds], dtype=np.float64)
    for kernel in (*KERNELS, partial(rollout_vector_sync, envs=envs)):
        returns = kernel(np.array(seeds, np.uint64), policy, steps=steps)
        np.testing.assert_array_equal(returns, expected, strict=True)


@each_of_the_library
def test_kernel_plays_any_environment_of_the_library(kernel: Rollout) -> None:
    """Another environment is played until it says that an episode is over, or to the last step."""
    expected = [played(seed, np.array(SWING), 90, "Acrobot-v1") for seed in range(12)]
    assert -90 in expected  # cut off
    assert len(set(expected)) > 2
    assert kernel(range(12), SWING, "Acrobot-v1", 90).tolist() == expected


def test_rows_of_the_benchmark_differ() -> None:
    """Its episodes are about as long as asked for, and not all equal: a wrong order is found."""
    returns = rollout_numpy(np.arange(500), BALANCE, 500)
    assert np.mean(returns) > 0.95 * 500
    assert len(set(returns)) > 20


@each_kernel
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", ">i4"])
def test_kernel_takes_every_integer_dtype(kernel: Rollout, dtype: str) -> None:
    """Seeds of every width are the same seeds; they may be read-only, and are not changed."""
    seeds = np.array([3, 100, 3], dtype)
    seeds.flags.writeable = False
    returns = kernel(seeds, LEFT, steps=50)
    np.testing.assert_array_equal(returns, kernel([3, 100, 3], LEFT, steps=50), strict=True)
    assert returns[0] == returns[2]


@each_kernel
@pytest.mark.parametrize("seeds", [[], np.arange(0), np.zeros(0, "uint8")], ids=repr)
def test_kernel_without_rows_gives_no_returns(kernel: Rollout, seeds: ArrayLike) -> None:
    """No seeds are no episodes: no returns, as float64."""
    np.testing.assert_array_equal(kernel(seeds, LEFT), np.zeros(0), strict=True)


@each_kernel
@pytest.mark.parametrize(
    ("seeds", "error", "message"),
    [
        (7, ValueError, "seeds have 0 dimensions; give one row of them"),
        ([[1, 2]], ValueError, "seeds have 2 dimensions; give one row of them"),
        ([1.0], TypeError, "seeds have dtype float64; give whole numbers"),
        ([True], TypeError, "seeds have dtype bool; give whole numbers"),
        ([3, -1], ValueError, "the seed -1 is below 0; give whole numbers, at least 0"),
    ],
    ids=["scalar", "matrix", "floats", "bools", "negative"],
)
def test_kernel_refuses_what_are_no_seeds(
    kernel: Rollout, seeds: ArrayLike, error: type[Exception], message: str
) -> None:
    """Seeds that are not one axis of whole numbers from 0 are refused in one sentence."""
    with pytest.raises(error, match=re.escape(message)):
        kernel(seeds, LEFT)


@each_kernel
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (
            [1, 2, 3, 4],
            ValueError,
            "weights have the shape (4,); give (2, 4): actions x numbers observed",
        ),
        (np.zeros((4, 2)), ValueError, "weights have the shape (4, 2); give (2, 4)"),
        ([["a"] * 4] * 2, TypeError, "weights have dtype <U1; give an integer or floating dtype"),
        ([[0, 0, 0, np.nan]] * 2, ValueError, "weights are not all finite; give numbers that are"),
    ],
    ids=["vector", "transposed", "texts", "nan"],
)
def test_kernel_refuses_what_is_no_policy(
    kernel: Rollout, weights: ArrayLike, error: type[Exception], message: str
) -> None:
    """Weights that do not fit the environment, or are not numbers, are refused in one sentence."""
    with pytest.raises(error, match=re.escape(message)):
        kernel([1], weights)


@each_kernel
@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        (0, ValueError, "0 is below 1; give a whole number, at least 1"),
        (1.5, TypeError, "1.5 is not a whole number; give one, at least 1"),
    ],
)
def test_kernel_refuses_less_than_one_step(
    kernel: Rollout, steps: float, error: type[Exception], message: str
) -> None:
    """An episode has a whole number of steps, and at least one."""
    with pytest.raises(error, match=re.escape(message)):
        kernel([1], LEFT, steps=steps)


@each_of_the_library
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("Pendulum-v1", "actions are Box(-2.0, 2.0, (1,), float32); a linear policy needs a Disc"),
        ("FrozenLake-v1", "observations are Discrete(16); a linear policy needs a Box with one ax"),
    ],
)
def test_kernel_refuses_environment_without_linear_policy(
    kernel: Rollout, environment: str, message: str
) -> None:
    """An environment that a linear policy cannot act in is refused, with what it has instead."""
    with pytest.raises(TypeError, match=re.escape(message)):
        kernel([1], LEFT, environment)


@each_of_the_library
def test_kernel_passes_on_that_an_environment_is_unknown(kernel: Rollout) -> None:
    """Of an environment that it does not know, Gymnasium itself says so."""
    with pytest.raises(gymnasium.error.Error, match="Carpole"):
        kernel([1], LEFT, "Carpole-v1")
