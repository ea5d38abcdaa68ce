"""What a report is about: one run, or the launches of a series, read whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from rayscale.clocks import counts_waiting, without_waiting
from rayscale.intervals import round_interval
from rayscale.measured import (
    Beside,
    MeasuredCase,
    ProbeWords,
    RllibWords,
    Timing,
    Words,
    rllib_words,
    where_of,
    words,
)
from rayscale.quoting import plain
from rayscale.saved import raw, reading
from rayscale.saved.launches import Launch
from rayscale.saved.raw import LaunchError
from rayscale.surroundings.during import Surroundings
from rayscale.where import ANYWHERE, Where

RECENT = 50  # runs that are searched for probes, the newest first: to read one takes some ms


@dataclass(frozen=True)
class ProbeTiming(Timing):
    """What a probe of Ray's own cost took, and what it did."""

    implementation: str
    cpus: int
    tasks: int
    bytes_moved: int
    length: float | None  # of a task as intended, in seconds
    is_noisy: bool = False  # others used or took much of its CPUs
    where: Where = ANYWHERE  # in a cluster
    bytes_away: int | None = None  # of those moved, that crossed the network; None: not known


@dataclass(frozen=True)
class RllibTiming(Timing):
    """What a benchmark of RLlib took, and what it did."""

    did: RllibWords


@dataclass(frozen=True)
class Subject:
    """One run or series: its launches, its kernels' cases, its probes, and what else was timed.

    With several launches a case has one number per launch, the median of its rounds.
    """

    launches: tuple[Launch, ...]
    cases: tuple[MeasuredCase, ...]
    probes: tuple[ProbeTiming, ...]
    rllib: tuple[RllibTiming, ...]
    others: tuple[Timing, ...]
    dropped: tuple[str, ...]  # what not all launches have
    notes: tuple[str, ...]  # what else is not shown, or not in full, in sentences

    @property
    def cores(self) -> int | None:
        """How many CPUs the machine had for it, if that was saved."""
        cpus = self.launches[0].hardware.get("cpus")
        return cpus if type(cpus) is int and cpus > 0 else None

    @property
    def failed(self) -> list[str]:
        """The tests that failed, in any launch."""
        return sorted({name for launch in self.launches for name in launch.failed})

    @property
    def unit(self) -> str:
        """What a case's numbers are of."""
        return "launch" if len(self.launches) > 1 else "round"

    @property
    def fair_probes(self) -> tuple[ProbeTiming, ...]:
        """The probes that had as many CPUs as they asked for, here or on other nodes."""
        return tuple(
            one
            for one in self.probes
            if self.cores is None or one.cpus <= self.cores or one.where.away
        )


def read(launches: Sequence[Launch]) -> Subject:
    """Return what *launches*, one or those of a series, measured; cases that all of them have."""
    read_each = [reading.benchmarks(launch) for launch in launches]
    by_name = [{one.fullname: one for one in each} for each in read_each]
    again = reading.timed_again(launches[0]) if len(launches) == 1 else ()
    everything = dict.fromkeys(name for one in by_name for name in one)
    common = [name for name in everything if all(name in one for one in by_name)]
    read_all = [_measured(one.fullname, [one]) for one in again]
    read_all += [_measured(name, [one[name] for one in by_name]) for name in common]
    read_all.sort(key=lambda one: getattr(one, "process", 1))
    return Subject(
        tuple(launches),
        cases=tuple(one for one in read_all if isinstance(one, MeasuredCase)),
        probes=tuple(one for one in read_all if isinstance(one, ProbeTiming)),
        rllib=tuple(one for one in read_all if isinstance(one, RllibTiming)),
        others=tuple(one for one in read_all if type(one) is Timing),
        dropped=tuple(name for name in everything if name not in common),
        notes=tuple(_notes(launches, read_each)),
    )


def _notes(launches: Sequence[Launch], saved: Sequence[Sequence[raw.Benchmark]]) -> Iterator[str]:
    """Return what is left out of a report, in sentences."""
    for launch in launches:
        yield from (f"Not in this report: {plain(launch.file)}: {one}." for one in launch.left_out)
    every = [one for each in saved for one in each]
    if bare := dict.fromkeys(one.fullname for one in every if not one.stats.is_whole):
        yield f"Raw timings that are not times are left out, the median stays: {', '.join(bare)}."
    if timers := _stopped(every):
        yield f"{without_waiting(timers)}; what was timed by it is among the other timings."


def _stopped(saved: Iterable[raw.Benchmark]) -> list[str]:
    """Return the clocks of *saved* that do not count waiting."""
    timers = (one.options.timer for one in saved)
    return [one for one in timers if one is not None and not counts_waiting(one)]


def _measured(name: str, saved: Sequence[raw.Benchmark]) -> MeasuredCase | Timing:
    """Return what is *saved* of one benchmark in each launch."""
    seconds, rounds = _numbers([one.stats for one in saved])
    if _stopped(saved):
        return Timing(name, seconds, rounds)
    every = [words(one.extra_info) for one in saved]
    match every[0]:
        case Words() as own:
            phases = _middle([one.phases for one in every if isinstance(one, Words)])
            beside, around = _beside(every), _noisiest(every)
            merged = {"phases": phases, "beside": beside, "surroundings": around}
            fields = msgspec.structs.asdict(own) | merged
            return MeasuredCase(**fields, seconds=seconds, rounds=rounds, id=name)
        case ProbeWords() as own:
            did = own.implementation, own.cpus, own.tasks, own.bytes_moved
            around = _noisiest([words(one.extra_info) for one in saved])
            is_noisy = around is not None and around.is_noisy
            there = where_of(own.placement, own.on_nodes), own.bytes_away
            return ProbeTiming(own.overhead, seconds, rounds, *did, own.seconds, is_noisy, *there)
    if known := rllib_words(saved[0].extra_info):
        return RllibTiming(name, seconds, rounds, _parts([one.extra_info for one in saved], known))
    return Timing(name, seconds, rounds)


def _beside(each: Sequence[Words | ProbeWords | None]) -> Beside | None:
    """Return how a case did in pairs with another way; of several launches each counts once."""
    found = [one.beside for one in each if isinstance(one, Words) and one.beside]
    if len(found) < len(each) or len({one.implementation for one in found}) > 1:
        return None
    if len(found) == 1:
        return found[0]
    ratios = [one.times for one in found]
    low, high = round_interval(ratios, confidence=0.95) or (None, None)
    middle = median(one.median for one in found)
    return Beside(found[0].implementation, middle, median(ratios), low, high, len(found))


def _noisiest(each: Sequence[Words | ProbeWords | None]) -> Surroundings | None:
    """Return what others did to a case in the launch in which they did most."""
    seen = [one.surroundings for one in each if one and one.surroundings]
    return max(seen, key=lambda one: (one.is_noisy, one.outside or 0.0, one.taken), default=None)


def _parts(infos: Sequence[Mapping[str, Any]], did: RllibWords) -> RllibWords:
    """Return *did* with the parts of its rounds or, of several launches, a median of each."""
    each = [one for info in infos if (one := rllib_words(info))]
    if len(each) < 2:
        return did
    common = [part for part in did.parts if all(one.parts.get(part) for one in each)]
    medians = {part: tuple(median(one.parts[part]) for one in each) for part in common}
    return msgspec.structs.replace(did, parts=medians)


def _middle(phases: Sequence[Mapping[str, float] | None]) -> dict[str, float] | None:
    """Return the phases of the launch whose call took neither longest nor shortest."""
    noted = sorted((one for one in phases if one), key=lambda one: sum(one.values()))
    return dict(noted[len(noted) // 2]) if noted else None


def _numbers(stats: Sequence[raw.Stats]) -> tuple[tuple[float, ...], int]:
    """Return the numbers of a case and how many there were: of rounds, or a median per launch."""
    if len(stats) > 1:
        return tuple(one.median for one in stats), len(stats)
    data = stats[0].data
    return data or (stats[0].median,), stats[0].rounds or len(data) or 1


def with_probes(subject: Subject, kept: Sequence[Launch]) -> Subject | None:
    """Return *subject*, if it has probes, or the newest of the *kept* runs of its machine that has.

    None if there is none among the newest.
    """
    if subject.probes:
        return subject
    machine = Path(subject.launches[0].file).parent
    own = {one.file: one for one in kept if Path(one.file).parent == machine}
    newest = sorted(own.values(), key=lambda one: one.when, reverse=True)[:RECENT]
    return next((found for one in newest if (found := _read(one)) and found.probes), None)


def _read(launch: Launch) -> Subject | None:
    """Return what *launch* measured; None where its file has changed or is gone meanwhile."""
    try:
        return read([launch])
    except LaunchError:
        return None  # it was searched for probes alone: the report does without them
