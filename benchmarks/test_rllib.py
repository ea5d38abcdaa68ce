"""What RLlib's part of a step costs, and which part of a training iteration Ray speeds up.

Run by ``tox run -e rl``: they need RLlib and torch.  PPO on CartPole-v1, with RLlib's own network
and one torch thread everywhere.  Building and stopping an algorithm are outside the clock.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale import SessionCluster

RUNNERS = (0, 1, 2)  # 0: in the driver
STEPS = 1000  # of one call, by however many runners: 0.7 s
EPOCHS = 5  # of learning, in each iteration; RLlib's default of 30 takes six times as long
# What a policy that knows nothing gets: a random one 22 a whole episode, and at least 8.
LEAST, MOST = 8, 500
SMOOTHING = 0.01  # of RLlib's timers: each is a moving average with this share of the last one

pytestmark = [
    pytest.mark.rl,
    pytest.mark.ray(cpus=max(RUNNERS)),
    pytest.mark.benchmark(min_rounds=7),
]

TIMERS = {
    "sampling": "env_runner_sampling_timer",
    "learning": "learner_update_timer",
    "synchronising": "synch_weights",
    "iteration": "training_iteration",
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Torch's threads in this process: one, as in the runners."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@contextmanager
def algorithm(cluster: SessionCluster, runners: int) -> Iterator[Any]:
    """Build PPO with so many runners, each in a process and with a CPU of its own."""
    cluster.running().release()  # the runners set theirs aside themselves
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.trainable import trainable

    config = (
        PPOConfig()
        .environment("CartPole-v1")
        .env_runners(num_env_runners=runners, num_cpus_per_env_runner=1)
        .training(train_batch_size_per_learner=STEPS, num_epochs=EPOCHS)
        .debugging(seed=2020, log_level="ERROR")
    )
    with (
        tempfile.TemporaryDirectory(prefix="rayscale-rllib-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(trainable, "DEFAULT_STORAGE_PATH", folder)  # it is in the home directory
        built = config.build_algo()
        try:
            demand_cpus(built, runners)
            yield built
        finally:
            built.stop()


def demand_cpus(built: Any, runners: int) -> None:
    """Assert that each runner is a process of its own, with one CPU and one of torch's threads."""
    group = built.env_runner_group
    told = group.foreach_env_runner(lambda _: conditions(), local_env_runner=False)
    assert len({pid for pid, *_ in told} - {os.getpid()}) == runners
    assert [rest for _, *rest in told] == [[1.0, 1, os.getpriority(os.PRIO_PROCESS, 0)]] * runners


def conditions() -> tuple[int, float, int, int]:
    """Return this runner's process, Ray's CPUs for it, torch's threads and its niceness."""
    import ray

    cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 0.0)
    return os.getpid(), cpus, torch.get_num_threads(), os.getpriority(os.PRIO_PROCESS, 0)


def sample(built: Any, runners: int) -> list[Any]:
    """Return the episodes of STEPS steps, as many by each runner; the last ones are cut."""
    if not runners:
        return [built.env_runner.sample(num_timesteps=STEPS)]
    each = STEPS // runners
    group = built.env_runner_group
    return list(
        group.foreach_env_runner(
            lambda runner: runner.sample(num_timesteps=each), local_env_runner=False
        )
    )


def demand_plausible(sampled: list[Any]) -> None:
    """Assert that all steps were made, and that all episodes between first and last are whole."""
    assert sum(len(one) for episodes in sampled for one in episodes) == STEPS
    for episodes in sampled:
        whole = episodes[1:-1]  # the first one may go on from the call before
        assert whole
        assert all(one.is_done for one in whole)
        assert all(LEAST <= one.get_return() == len(one) <= MOST for one in whole)


@pytest.mark.parametrize("runners", RUNNERS)
def test_sampling(
    benchmark: BenchmarkFixture, rayscale_cluster: SessionCluster, runners: int
) -> None:
    """The same number of steps, by the driver or by runners on CPUs of their own."""
    benchmark.group = "rllib sampling"
    with algorithm(rayscale_cluster, runners) as built:
        sampled = [sample(built, runners)]  # in the first call much is made that stays
        benchmark.pedantic(lambda: sampled.append(sample(built, runners)), rounds=rounds(benchmark))
    for episodes in sampled:
        demand_plausible(episodes)
    benchmark.extra_info.update(rllib="sampling", by="RLlib", runners=runners, steps=STEPS)


def by_environment() -> Callable[[Any], int]:
    """Return a policy that pushes at random."""
    draw = np.random.default_rng(seed=2020)
    return lambda _: int(draw.integers(2))


def by_network() -> Callable[[Any], int]:
    """Return a policy of the size of RLlib's: two layers of 256, and an action that is drawn."""
    torch.manual_seed(2020)
    tanh, linear = torch.nn.Tanh(), torch.nn.Linear
    network = torch.nn.Sequential(linear(4, 256), tanh, linear(256, 256), tanh, linear(256, 2))

    def act(observation: Any) -> int:
        with torch.no_grad():
            scores = network(torch.from_numpy(observation))
            return int(torch.distributions.Categorical(logits=scores).sample())

    return act


@pytest.mark.parametrize("policy", [by_environment, by_network], ids=["at_random", "by_network"])
def test_sampling_by_hand(
    benchmark: BenchmarkFixture,
    rayscale_cluster: SessionCluster,
    policy: Callable[[], Callable[[Any], int]],
) -> None:
    """The same environment and number of steps in a loop of one's own: what RLlib adds to it."""
    benchmark.group = "rllib sampling"
    act, seeds = policy(), count()
    environment = gymnasium.make("CartPole-v1")

    def play() -> list[float]:
        returns, observation = [0.0], environment.reset(seed=next(seeds))[0]
        for _ in range(STEPS):
            observation, reward, terminated, truncated, _ = environment.step(act(observation))
            returns[-1] += float(reward)
            if terminated or truncated:
                returns.append(0.0)
                observation, _ = environment.reset()
        return returns

    rounds_played: list[list[float]] = []
    benchmark.pedantic(lambda: rounds_played.append(play()), rounds=rounds(benchmark))
    environment.close()  # type: ignore[no-untyped-call]
    for returns in rounds_played:
        assert sum(returns) == STEPS
        assert all(LEAST <= one <= MOST for one in returns[:-1])
    name = "Gymnasium" if policy is by_environment else "Gymnasium and torch"
    benchmark.extra_info.update(rllib="sampling", by=name, runners=0, steps=STEPS)


@pytest.mark.parametrize("runners", RUNNERS)
def test_training(
    benchmark: BenchmarkFixture, rayscale_cluster: SessionCluster, runners: int
) -> None:
    """An iteration, split by RLlib's own timers: which part is faster with more runners?"""
    benchmark.group = "rllib training"
    results: list[Any] = []
    with algorithm(rayscale_cluster, runners) as built:
        results.append(built.train())  # it warms up
        benchmark.pedantic(lambda: results.append(built.train()), rounds=rounds(benchmark))
    parts = {part: last_times(results, timer)[1:] for part, timer in TIMERS.items()}
    demand_trained(results, parts)
    benchmark.extra_info.update(
        rllib="training", by="RLlib", runners=runners, steps=STEPS, parts=parts
    )


def demand_trained(results: list[Any], parts: dict[str, list[float]]) -> None:
    """Assert that each iteration made all steps, and that its parts are within it."""
    for result in results:
        sampled = result["env_runners"]
        assert sampled["num_env_steps_sampled"] == STEPS
        assert LEAST <= sampled["episode_return_mean"] <= MOST
    for result, *own, whole in zip(results[1:], *parts.values(), strict=True):
        assert min(own) > 0
        assert sum(own) <= whole <= result["time_this_iter_s"]


def last_times(results: list[Any], timer: str) -> list[float]:
    """Return how many seconds one of RLlib's timers ran in each iteration, from the first on.

    It tells a moving average m of them: m' = (1 - SMOOTHING) m + SMOOTHING seconds.
    """
    told = [float(result["timers"][timer]) for result in results]
    return told[:1] + [
        (now - (1 - SMOOTHING) * before) / SMOOTHING for before, now in pairwise(told)
    ]


def rounds(benchmark: BenchmarkFixture) -> int:
    """Return the fewest rounds that are asked for."""
    return int(benchmark._min_rounds)  # noqa: SLF001 - it gives them no public name
