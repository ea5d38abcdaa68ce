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
