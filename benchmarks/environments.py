"""Gymnasium's AsyncVectorEnv as a way of running: on each CPU a process that steps an environment.

The kernel stays in this process, chooses the actions, and has all environments stepped at once: so
each step takes a message to each process, and waits for the slowest of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rayscale import SessionCluster, Stage, conditions, in_process, way

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.vector import AsyncVectorEnv


def make(environment: str, steps: int) -> "Env[Any, Any]":
    """Make an environment that can be asked for the conditions of its process."""
    import gymnasium

    made = gymnasium.make(environment, max_episode_steps=steps)
    made.unwrapped.conditions = conditions  # type: ignore[attr-defined]  # for ``call``, below
    return made


@contextmanager
def processes_stay(cluster: SessionCluster, cpus: int, kernels: Sequence[Any]) -> Iterator[Stage]:
    """Have *cpus* processes, each with an environment whose episodes are those of the kernel.

    They are spawned: this process has threads, which a fork would not copy.
    """
    from gymnasium.vector import AsyncVectorEnv, AutoresetMode

    (kernel,) = kernels
    own = partial(make, kernel.keywords.get("environment", "CartPole-v1"), kernel.keywords["steps"])
    vector = AsyncVectorEnv([own] * cpus, context="spawn", autoreset_mode=AutoresetMode.DISABLED)
    is_done = False
    try:
        workers = vector.call("conditions")
        assert len({worker.pid for worker in workers}) == cpus
        with in_process(cluster, cpus, kernels) as stage:
            yield replace(stage, place=vector, workers=workers)
        is_done = True
    finally:
        vector.close(terminate=not is_done)


@way(processes_stay, packages=("gymnasium",))
def async_vector_env(
    kernel: Any, rows: Any, *, cpus: int, place: "AsyncVectorEnv | None" = None
) -> Any:
    """Run *kernel* here, on environments that are stepped in *cpus* other processes."""
    return kernel(rows, vector=place)
