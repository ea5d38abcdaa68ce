"""The experiment on one screen: problem x kernel x implementation x cpus x size."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

NAMES = ("kernel", "implementation", "cpus", "size")
ALL = ("serial", "ray_whole", "ray_per_row", "ray_blocks")


class Arm(NamedTuple):
    """A kernel at some sizes, the ways to run it, and their CPU counts if not those asked for."""

    kernel: str
    sizes: tuple[str, ...]
    implementations: tuple[str, ...] = ALL
    cpus: tuple[int, ...] = ()
    min_rounds: int | None = None


MATRIX = {
    "moving_average": [
        Arm("loop", sizes=("small", "article")),  # 27 s a round when large
        Arm("numpy", sizes=("small", "article", "large")),
        Arm("pandas", sizes=("small", "article", "large"), implementations=("serial",)),
    ],
    "timer": [
        Arm("timer", sizes=("small",), cpus=(1, 2, 4)),
        Arm("timer", ("article",), ("serial", "ray_whole", "ray_per_row"), cpus=(4,), min_rounds=3),
    ],
}

SHAPES = {"small": (100, 100), "article": (1000, 1000), "large": (10_000, 1000)}
CALLS = 4
SECONDS = {"small": 0.1, "article": 1.0}  # of each timer's sleep

# What Ray costs by itself, beside the article's size: the amounts that each probe goes through.
LENGTHS = {
    "10us": 10e-6,
    "30us": 30e-6,
    "100us": 100e-6,
    "300us": 300e-6,
    "1ms": 1e-3,
    "3ms": 3e-3,
    "10ms": 10e-3,
    "30ms": 30e-3,
    "100ms": 100e-3,
}
NBYTES = {"1KiB": 2**10, "96KiB": 96 * 2**10, "104KiB": 104 * 2**10, "1MiB": 2**20, "8MiB": 2**23}
PROBES = {
    "task_length": tuple(LENGTHS),
    "empty_tasks": (1, 10, 100, 300),
    "bytes_in": tuple(NBYTES),
    "bytes_out": tuple(NBYTES),
}
PROBE_NAMES = ("implementation", "cpus", "amount")


def probes(name: str, cpus: tuple[int, ...], sizes: tuple[str, ...]) -> Iterator[ParameterSet]:
    """Return what the probe *name* goes through, at each CPU count; serially too, for the ideal."""
    if "article" not in sizes:
        return
    if name == "task_length":
        for amount in PROBES[name]:
            yield pytest.param("serial", 1, amount, id=f"serial-{amount}")
    for count in cpus:
        for amount in PROBES[name]:
            at = f"ray_per_row-cpus{count}-{amount}"
            yield pytest.param("ray_per_row", count, amount, id=at, marks=pytest.mark.ray)


def cases(
    problem: str, cpus: tuple[int, ...], sizes: tuple[str, ...], cores: int
) -> Iterator[ParameterSet]:
    """Return the cases of *problem*, serial and ray_whole once, the others at each CPU count."""
    for arm in MATRIX[problem]:
        for size in (size for size in sizes if size in arm.sizes):
            for implementation in arm.implementations:
                once = implementation in ("serial", "ray_whole")
                for count in (1,) if once else arm.cpus or cpus:
                    marks = [pytest.mark.ray] if implementation != "serial" else []
                    if count > cores and not arm.cpus:  # timers sleep: they share a core
                        marks.append(pytest.mark.oversubscribed)
                    if arm.min_rounds:
                        marks.append(pytest.mark.benchmark(min_rounds=arm.min_rounds))
                    at = "" if implementation == "serial" else f"-cpus{count}"
                    name = f"{arm.kernel}-{implementation}{at}-{size}"
                    yield pytest.param(
                        arm.kernel, implementation, count, size, id=name, marks=marks
                    )
