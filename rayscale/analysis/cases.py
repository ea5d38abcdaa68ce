"""The cases of a run: from pytest-benchmark's records to values that the analysis works on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rayscale.analysis.intervals import Interval, median_interval


@dataclass(frozen=True)
class MeasuredCase:
    """One case and the seconds of its rounds, in one launch."""

    problem: str
    kernel: str
    implementation: str
    cpus: int
    size: str
    shape: tuple[int, ...]
    oversubscribed: bool
    niceness: int
    seconds: tuple[float, ...]

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
        )

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
