"""The cases of a run: from pytest-benchmark's records to values that the analysis works on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rayscale.analysis.intervals import Interval, median_interval


@dataclass(frozen=True)
class MeasuredCase:
    """One case and the seconds of its rounds in one launch, or of its medians in several."""

    problem: str
    kernel: str
    implementation: str
    cpus: int
    size: str
    shape: tuple[int, ...]
    oversubscribed: bool
    niceness: int
    seconds: tuple[float, ...]
    rounds: int | None = None  # where *seconds* has fewer: no raw timings were saved
    tasks: int = 0  # these three: where they are told
    bytes_moved: int = 0
    phases: Mapping[str, float] | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the case of one entry of a saved run's ``benchmarks``, raw timings included."""
        info = record["extra_info"]
        return cls(
            problem=info["problem"],
            kernel=info["kernel"],
            implementation=info["implementation"],
            cpus=info["cpus"],
            size=info["size"],
            shape=tuple(info["shape"]),
            oversubscribed=info["oversubscribed"],
            niceness=info["niceness"],
            seconds=tuple(record["stats"]["data"]),
            tasks=info.get("tasks", 0),
            bytes_moved=info.get("bytes_moved", 0),
            phases=info.get("phases"),
        )

    @property
    def n(self) -> int:
        """How many observations the median is of."""
        return self.rounds or len(self.seconds)

    @property
    def points(self) -> int:
        """How many numbers the data hold."""
        return math.prod(self.shape)

    @property
    def is_serial(self) -> bool:
        """Whether it ran without Ray."""
        return self.implementation == "serial"

    @property
    def median(self) -> float:
        """The middle of its rounds, in seconds."""
        return float(np.median(self.seconds))

    @property
    def interval(self) -> Interval | None:
        """A 97.5 % interval of the median, in this launch: two make a 95 % one of their ratio."""
        return median_interval(self.seconds, confidence=0.975)


def blocks(cases: Sequence[MeasuredCase]) -> dict[tuple[str, str], list[MeasuredCase]]:
    """Return the cases of each problem and size, in the order in which they were measured."""
    grouped: dict[tuple[str, str], list[MeasuredCase]] = {}
    for case in cases:
        grouped.setdefault((case.problem, case.size), []).append(case)
    return grouped
