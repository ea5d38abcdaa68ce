"""Two sets of launches, case by case: which cases got slower, and how sure is that?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, median, stdev

from rayscale.intervals import Interval
from rayscale.saved import yardstick as yardsticks
from rayscale.saved.doubts import doubts, notes
from rayscale.saved.evidence import Evidence, Limits, unlikeness, weigh
from rayscale.saved.launches import Launch
from rayscale.saved.yardstick import Design, Yardstick
from rayscale.verdict import Verdict


@dataclass(frozen=True)
class ComparedCase:
    """One case of both sets: medians over the launches in seconds, and what follows."""

    id: str
    label: str
    old: float
    new: float
    spreads: tuple[float | None, float | None]  # relative standard deviations of old and new
    ratio: float  # new / old, in units of the yardstick: of the geometric means over the launches
    interval: Interval | None  # of that ratio, 99 %; None where a set has one launch
    p: float | None  # of "slower", adjusted for all cases
    power: float | None  # the probability of finding 10 % more; None where nothing can be found
    verdict: Verdict
    noisy: tuple[int, int]  # launches of old and new in which others used or took much of its CPUs


@dataclass(frozen=True)
class Comparison:
    """All cases, compared."""

    limits: Limits
    launches: tuple[int, int]
    design: Design
    yardstick: Yardstick
    cases: tuple[ComparedCase, ...]
    missing: tuple[str, ...]  # cases that OLD has and NEW lacks, in a launch or in all
    added: tuple[str, ...]
    unlike: tuple[str, ...]  # cases that other clocks timed, each with the clocks
    control: float | None  # new / old
    doubts: tuple[str, ...]  # why every verdict is "unsure", in sentences
    notes: tuple[str, ...]  # what else a reader must know

    @property
    def geometric_mean(self) -> float:
        """Of all cases' ratios."""
        return math.exp(fmean(math.log(case.ratio) for case in self.cases))


def compare(
    old: Sequence[Launch], new: Sequence[Launch], limits: Limits, design: Design = "stored"
) -> Comparison:
    """Compare two sets of launches, case by case.

    - alternating: the i-th of each set were launched one after the other, in an order drawn at
      random.  A permutation test is then exact under "no slower".
    - stored: they are of other days.  Each case is divided by the control around it, and
      "slower" must be more than half the tolerance, for what the control does not take out.
    - across machines: the same, but a case is divided by the serial case of its kernel.

    ValueError if no case is in all launches of both.
    """
    yardstick = yardsticks.choose(old, new, design)
    ids, missing, added = in_both(old, new)
    unlike = list(clocks(old, new))
    ids = [name for name in ids if yardsticks.is_measured(name, (*old, *new), yardstick)]
    if not ids:
        raise ValueError(_nothing_shared(yardstick, unlike))
    margin = 0.0 if design == "alternating" else limits.tolerance / 2
    logs = (yardsticks.logarithms(old, ids, yardstick), yardsticks.logarithms(new, ids, yardstick))
    evidence = weigh(*logs, limits=limits, margin=margin, paired=design == "alternating")
    doubtful = doubts(old, new, limits, design)
    if doubtful:  # nothing can be found, so no probability of finding it is reported
        evidence = [replace(known, power=None) for known in evidence]
    verdicts = ["unsure" if doubtful else _verdict(known, limits, margin) for known in evidence]
    return Comparison(
        limits=limits,
        launches=(len(old), len(new)),
        design=design,
        yardstick=yardstick,
        cases=tuple(map(partial(_case, old, new), ids, evidence, verdicts)),
        missing=tuple(missing),
        added=tuple(added),
        unlike=tuple(unlike),
        control=yardsticks.control_ratio(old, new),
        doubts=tuple(doubtful),
        notes=tuple(notes(old, new, design, unlikeness(*logs))),
    )


def _verdict(known: Evidence, limits: Limits, margin: float) -> Verdict:
    """Return what the evidence carries.

    Slower: p is within the level, and the ratio of medians is half the tolerance above 1.
    """
    least_slowdown = 1 + limits.tolerance / 2
    if _within(known.slower, limits.false_alarm) and known.of_medians >= least_slowdown:
        return "slower"
    if _within(known.not_slower, limits.miss):
        faster = known.interval is not None and known.interval.high < 1 / (1 + margin)
        return "faster" if faster else "same"
    return "unsure"


def _within(p: float | None, level: float) -> bool:
    return p is not None and p <= level


def _case(
    old: Sequence[Launch], new: Sequence[Launch], name: str, known: Evidence, verdict: Verdict
) -> ComparedCase:
    return ComparedCase(
        id=name,
        label=old[0].medians[name].label,
        old=median(launch.medians[name].median for launch in old),
        new=median(launch.medians[name].median for launch in new),
        spreads=(_spread(old, name), _spread(new, name)),
        ratio=known.ratio,
        interval=known.interval,
        p=known.slower,
        power=known.power,
        verdict=verdict,
        noisy=(_noisy(old, name), _noisy(new, name)),
    )


def _noisy(launches: Sequence[Launch], name: str) -> int:
    return sum(launch.medians[name].is_noisy for launch in launches)


def _spread(launches: Sequence[Launch], name: str) -> float | None:
    """Return how far the launches' medians lie apart: their relative standard deviation."""
    if len(launches) < 2:
        return None
    return stdev(math.log(launch.medians[name].median) for launch in launches)


def in_both(old: Sequence[Launch], new: Sequence[Launch]) -> tuple[list[str], list[str], list[str]]:
    """Return the cases that all launches have, those that NEW lacks, those that OLD lacks.

    A case that failed in one launch of a set is missing there: what is left would be a
    choice of launches.  A case that was not timed by one clock is in none of the three.
    """
    of_old, of_new = _in_all(old), _in_all(new)
    some_old = {name: None for launch in old for name in launch.medians}
    missing = [name for name in some_old if name not in of_new or name not in of_old]
    added = [name for name in of_new if name not in some_old]
    both = [name for name in of_old if name in of_new]
    return [name for name in both if len(_timers((*old, *new), name)) < 2], missing, added


def clocks(old: Sequence[Launch], new: Sequence[Launch]) -> Iterator[str]:
    """Return the cases of both that more than one clock timed, each with the clocks."""
    of_new = _in_all(new)
    for name in (name for name in _in_all(old) if name in of_new):
        if len(timers := _timers((*old, *new), name)) > 1:
            yield f"{name} ({', '.join(sorted(timers))})"


def _timers(launches: Sequence[Launch], name: str) -> set[str]:
    """Return the clocks that are known to have timed a case: their times are of other things."""
    return {timer for one in launches if (timer := one.medians[name].timer) is not None}


def _in_all(launches: Sequence[Launch]) -> list[str]:
    return [
        name
        for name in launches[0].medians
        if all(name in launch.medians for launch in launches[1:])
    ]


def _nothing_shared(yardstick: Yardstick, unlike: Sequence[str]) -> str:
    if unlike:
        return (
            "no case was timed by the same clock in all launches of both, so their times do not "
            f"compare: {unlike[0]}"
        )
    if yardstick == "serial":
        return "no case besides serial ones is in all launches of both; speed-ups need both kinds"
    return "no case is in all launches of both; `rayscale runs` lists what there is"
