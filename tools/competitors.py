"""The suite beside what else there is, in one run: ``tox run -e competitors``.

Ray in blocks beside multiprocessing and joblib, on the loop kernel at the article's size; and the
NumPy kernel beside pandas, a cumulative sum and bottleneck.  Each round runs every arm
once, in a freshly drawn order, so that a drift of the machine hits all alike.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Mapping

from rayscale.suite.environment import fix_threads_and_allocator

fix_threads_and_allocator()  # before anything imports NumPy

import bottleneck
import click
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.matrix import ARTICLE
from kernels.moving_average import moving_average_loop, moving_average_numpy
from rayscale.machine import usable_cpus
from rayscale.measured import Timing
from rayscale.ratio import Ratio
from rayscale.suite import starting
from rayscale.text import count, duration

Series = NDArray[np.float64]
Arm = Callable[[], object]


def moving_average_cumsum(data: Series, window: int = 10) -> Series:
    """Average as the textbook does: differences of prefix sums, which drift."""
    sums = np.cumsum(np.pad(data, ((0, 0), (window, 0))), axis=1)
    points = np.minimum(np.arange(1, data.shape[1] + 1), window)
    return (sums[:, window:] - sums[:, :-window]) / points


def timings(arms: Mapping[str, Arm], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of *rounds* calls of each arm, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for arm in arms.values():
        arm()
    for _ in range(rounds):
        for name in random.sample(list(arms), len(arms)):
            start = time.perf_counter()
            arms[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def table(title: str, seconds: Mapping[str, list[float]], reference: str) -> Table:
    """Return medians with 97.5 % intervals, and how many times *reference* takes as long."""
    shown = Table("arm", "median", "97.5 % interval", f"{reference} / arm", "n", title=title)
    arms = {name: Timing(name, tuple(times), len(times)) for name, times in seconds.items()}
    for arm in sorted(arms.values(), key=lambda arm: arm.median):
        if arm.interval is None:
            raise click.UsageError("--rounds: give 7 or more, the fewest that give an interval")
        low, high = map(duration, arm.interval)
        ratio = Ratio.of(arms[reference], arm)
        shown.add_row(arm.name, duration(arm.median), f"{low} to {high}", ratio.figure, str(arm.n))
    return shown


def ways_of_running(series: Series, cpus: int, rounds: int) -> Table:
    """Return how serial, Ray, multiprocessing and joblib run the loop kernel."""
    from rayscale import ray_blocks

    def cut() -> list[Series]:
        return np.array_split(series, cpus)

    with (
        starting.private(cpus) as running,
        running.grant(cpus) as group,
        multiprocessing.get_context("forkserver").Pool(cpus) as pool,
        joblib.Parallel(n_jobs=cpus) as workers,
    ):
        task = joblib.delayed(moving_average_loop)
        arms: dict[str, Arm] = {
            "serial": lambda: moving_average_loop(series),
            "ray_blocks": lambda: ray_blocks(moving_average_loop, series, cpus=cpus, place=group),
            "multiprocessing.Pool": lambda: np.concatenate(pool.map(moving_average_loop, cut())),
            "joblib": lambda: np.concatenate(workers(task(block) for block in cut())),
        }
        seconds = timings(arms, rounds)
    return table(f"loop, article, {count(cpus, 'CPU')}", seconds, reference="serial")


def ways_of_averaging(series: Series, rounds: int) -> Table:
    """Return how the NumPy kernel does beside others, on one CPU."""
    columns = pd.DataFrame(series.T.copy(order="C"))
    arms: dict[str, Arm] = {
        "moving_average_numpy": lambda: moving_average_numpy(series),
        "pandas rolling": lambda: columns.rolling(10, min_periods=1).mean(),
        "cumulative sum": lambda: moving_average_cumsum(series),
        "bottleneck.move_mean": lambda: bottleneck.move_mean(series, 10, min_count=1),
        "copying the matrix": series.copy,
    }
    seconds = timings(arms, rounds)
    return table("window 10, article, 1 CPU", seconds, reference="moving_average_numpy")


@click.command()
@click.option("--rounds", default=15, show_default=True, help="Rounds of each way of running.")
@click.option("--cpus", default=usable_cpus(), show_default=True, help="CPUs to run on.")
def main(rounds: int, cpus: int) -> None:
    """Compare ways of running, and ways of averaging, at the article's size."""
    console = Console(width=max(100, Console().width))  # a log's 80 columns would wrap the names
    series = np.random.default_rng(seed=2020).standard_normal(ARTICLE)
    console.print(ways_of_averaging(series, rounds=10 * rounds))
    console.print(ways_of_running(series, cpus, rounds))


if __name__ == "__main__":
    main()
