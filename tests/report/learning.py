"""A made run of reinforcement learning: episodes, ways in pairs, trials, RLlib, tasks of a length.

All times follow from a few costs, so that tests can show the arithmetic.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.report.records import probe, timed

STEP = 10e-6  # seconds of a step of an episode, run serially
EPISODES, TRIALS = 100, 6
CALL, TASK = 4e-3, 0.5e-3  # of Ray, seconds
TRIAL = 0.3  # seconds of work of a trial
TUNE = {"tune": 2.4, "tune_reused": 0.3}  # seconds that it adds to a trial on one CPU
PEERS = {"ray_actors": 1.0, "process_pool": 1.1, "thread_pool": 0.5}  # times as fast as ray_blocks
EVENLY = np.random.default_rng(seed=9).permutation(np.linspace(0.99, 1.01, 9))


def rounds(seconds: float) -> list[float]:
    """Return nine rounds that lie evenly within 1 % of *seconds*, in no order."""
    return [float(seconds * one) for one in EVENLY]


def case(
    where: tuple[str, str, tuple[int, ...]],
    way: str,
    cpus: int,
    seconds: float,
    row: str,
    times: float | None = None,
) -> dict[str, Any]:
    """Return a saved case of *where*, a problem, size and shape.

    In pairs with ray_blocks it was so many *times* as fast.
    """
    problem, size, shape = where
    at = "" if way == "serial" else f"-cpus{cpus}"
    name = f"benchmarks/test_{problem}.py::test_{problem}[plain-{way}{at}-{size}]"
    info = {
        "problem": problem,
        "kernel": "plain",
        "implementation": way,
        "cpus": cpus,
        "size": size,
        "shape": shape,
        "row": row,
    }
    if times is not None:
        ends = {"ratio": times, "low": 0.99 * times, "high": 1.01 * times, "n": 9}
        info["beside"] = {"implementation": "ray_blocks", "median": seconds * times, **ends}
    return timed(name, rounds(seconds), info)


def episodes(steps: Sequence[int] = (1, 10, 100, 1000)) -> list[dict[str, Any]]:
    """Return episodes of so many *steps*, at the last of which pools were timed in pairs."""
    found = []
    for number in steps:
        where = "play", f"steps{number}", (EPISODES,)
        work = EPISODES * number * STEP
        blocks = work / 2 + CALL
        found += [
            case(where, "serial", 1, work, "episode"),
            case(where, "ray_per_row", 2, work / 2 + EPISODES * TASK, "episode"),
            case(where, "ray_blocks", 2, blocks, "episode"),
        ]
        if number == steps[-1]:
            found += [
                case(where, way, 2, blocks / times, "episode", times)
                for way, times in PEERS.items()
            ]
    return found


def trials() -> list[dict[str, Any]]:
    """Return a search by trials, serially, by Ray's tasks and by Tune."""
    where = "search", "trials", (TRIALS, 2, 4)
    work = TRIALS * TRIAL
    found = [case(where, "serial", 1, work, "trial")]
    for cpus in (1, 2):
        found.append(case(where, "ray_per_row", cpus, work / cpus, "trial"))
        for way, added in TUNE.items():
            found.append(case(where, way, cpus, (work + TRIALS * added) / cpus, "trial"))
    return found


def rllib(sampling: Sequence[float] = (0.7, 0.7, 0.4)) -> list[dict[str, Any]]:
    """Return 1000 steps of RLlib with 0, 1, 2 runners, by hand, and training iterations."""
    found = [
        timed(f"by_hand[{name}]", rounds(seconds), steps("sampling", name, 0))
        for name, seconds in (("Gymnasium", 0.01), ("Gymnasium and torch", 0.1))
    ]
    for runners, seconds in enumerate(sampling):
        parts = {
            "sampling": rounds(seconds),
            "learning": rounds(0.2),
            "synchronising": rounds(0.001 * (1 + 9 * bool(runners))),
            "iteration": rounds(seconds + 0.2 + 0.001),
        }
        training = steps("training", "RLlib", runners) | {"parts": parts}
        found += [
            timed(f"sampling[{runners}]", rounds(seconds), steps("sampling", "RLlib", runners)),
            timed(f"training[{runners}]", parts["iteration"], training),
        ]
    return found


def steps(question: str, by: str, runners: int) -> dict[str, Any]:
    """Return what is saved with 1000 steps of RLlib."""
    return {"rllib": question, "by": by, "runners": runners, "steps": 1000}


def tasks() -> list[dict[str, Any]]:
    """Return tasks of a length in several ways, and trials of longer ones."""
    short = {"ray_per_row": 0.5e-3, "ray_actors": 0.2e-3, "process_pool": 0.3e-3}
    found = []
    for lengths, ways in (((1e-4, 1e-3, 1e-2), short), ((0.1, 1.0, 10.0), TUNE)):
        for length in lengths:
            found.append(probe("task_length", "serial", 1, 10, 0, 10 * length, length))
            for way, added in ways.items():
                for cpus in (1, 2):
                    took = 10 * (length / cpus + added)
                    found.append(probe("task_length", way, cpus, 10, 0, took, length))
    return found


def run() -> list[dict[str, Any]]:
    """Return all of it."""
    return episodes() + trials() + rllib() + tasks()
