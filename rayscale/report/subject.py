"""What a report is about: one run, or the launches of a series, read whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from rayscale.measured import MeasuredCase, Words, words
from rayscale.saved import raw
from rayscale.saved.launches import Launch


@dataclass(frozen=True)
class Timing:
    """What was timed: its name, and the seconds of its rounds or, if not saved, their median."""

    name: str
    seconds: tuple[float, ...]
    rounds: int


@dataclass(frozen=True)
class Probe:
    """What a probe of Ray's own cost took, in the middle, and what it did."""

    name: str
    implementation: str
    cpus: int
    tasks: int
    bytes_moved: int
    seconds: tuple[float, ...]
    length: float | None  # of a task as intended, in seconds


@dataclass(frozen=True)
class Subject:
    """One run or series: its launches, its kernels' cases, its probes, and what else was timed.

    With several launches a case has one number per launch, the median of its rounds.
    """

    launches: tuple[Launch, ...]
    cases: tuple[MeasuredCase, ...]
    probes: tuple[Probe, ...]
    others: tuple[Timing, ...]
    dropped: tuple[str, ...]  # what not all launches have

    @property
    def cores(self) -> int | None:
        """How many CPUs the machine had for it, if that is told."""
        told = self.launches[0].hardware.get("cpus")
        return int(told) if told else None

    @property
    def failed(self) -> list[str]:
        """The tests that failed, in any launch."""
        return sorted({name for launch in self.launches for name in launch.failed})

    @property
    def unit(self) -> str:
        """What a case's numbers are of."""
        return "launch" if len(self.launches) > 1 else "round"


def read(launches: Sequence[Launch]) -> Subject:
    """Return what *launches*, one or those of a series, measured; cases that all of them have."""
    by_name = [
        {benchmark.fullname: benchmark for benchmark in raw.benchmarks(launch)}
        for launch in launches
    ]
    cases: list[MeasuredCase] = []
    probes: list[Probe] = []
    others: list[Timing] = []
    everything = {name: None for one in by_name for name in one}
    common = [name for name in everything if all(name in one for one in by_name)]
    for name in common:
        first = by_name[0][name]
        seconds, rounds = _numbers([one[name].stats for one in by_name])
        probe = words(first.extra_info)
        if isinstance(probe, Words):
            phases = _middle([one[name].extra_info.get("phases") for one in by_name])
            fields = msgspec.structs.asdict(probe) | {"phases": phases}
            cases.append(MeasuredCase(**fields, seconds=seconds, rounds=rounds))
        elif probe is not None:
            probes.append(
                Probe(
                    *(probe.overhead, probe.implementation, probe.cpus, probe.tasks),
                    *(probe.bytes_moved, seconds, probe.seconds),
                )
            )
        else:
            others.append(Timing(name, seconds, rounds))
    dropped = tuple(name for name in everything if name not in common)
    return Subject(tuple(launches), tuple(cases), tuple(probes), tuple(others), dropped)


def _middle(phases: Sequence[dict[str, float] | None]) -> dict[str, float] | None:
    """Return the phases of the launch whose call took neither longest nor shortest."""
    noted = sorted((one for one in phases if one), key=lambda one: sum(one.values()))
    return noted[len(noted) // 2] if noted else None


def _numbers(stats: Sequence[raw.Stats]) -> tuple[tuple[float, ...], int]:
    """Return the numbers of a case and how many there were: of rounds, or a median per launch."""
    if len(stats) > 1:
        return tuple(one.median for one in stats), len(stats)
    return stats[0].data or (stats[0].median,), stats[0].rounds
