"""Two sets of launches, case by case: which kernels got slower, and how sure is that?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Literal

import numpy as np
from scipy.stats import nct, ttest_1samp, ttest_ind

from rayscale.intervals import Interval
from rayscale.saved.launches import Case, Launch, differences
from rayscale.saved.permutation import Floats, Labels, critical, single, step_down
from rayscale.text import count
from rayscale.verdict import CONFIDENCE, Verdict

# What a case's time is divided by, in each launch, before launches are compared.
Yardstick = Literal["nothing", "control", "serial"]


@dataclass(frozen=True)
class Terms:
    """What is asked of a comparison: the slowdown to be found, and the error rates.

    *false_alarm* bounds the probability of any false "slower", *miss* that of a
    false "same", case by case.
    """

    tolerance: float
    false_alarm: float
    miss: float


@dataclass(frozen=True)
class ComparedCase:
    """One case of both sets: medians over the launches in seconds, and what follows."""

    id: str
    label: str
    old: float
    new: float
    spreads: tuple[float | None, float | None]  # relative standard deviations of old and new
    ratio: float  # new / old, in units of the yardstick: of the geometric means over the launches
    interval: Interval | None  # of that ratio, 99 %; None where there are too few launches
    p: float | None  # of "slower", adjusted for all cases
    power: float | None  # the probability of finding 10 % more, at the spread that was seen
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Comparison:
    """All cases, compared."""

    terms: Terms
    launches: tuple[int, int]
    paired: bool
    yardstick: Yardstick
    cases: tuple[ComparedCase, ...]
    missing: tuple[str, ...]  # cases that OLD has and NEW lacks, in a launch or in all
    added: tuple[str, ...]
    control: float | None  # new / old
    notes: tuple[str, ...]

    @property
    def geometric_mean(self) -> float:
        """Of all cases' ratios."""
        return math.exp(fmean(math.log(case.ratio) for case in self.cases))


def compare(
    old: Sequence[Launch],
    new: Sequence[Launch],
    terms: Terms,
    *,
    paired: bool = False,
    across_machines: bool = False,
) -> Comparison:
    """Compare two sets of launches, case by case.

    *paired*: the i-th of each set were launched one after the other, in an order drawn at
    random.  Then a permutation test is exact under "no slower".  Else they are of other days: every
    case is divided by the control around it, and the null is "slower by no more than half the
    tolerance", which leaves room for what the control does not cure.  *across_machines*: a case is
    divided by the serial case of its kernel, so speed-ups are compared.
    ValueError if no case is in all launches of both.
    """
    ids, missing, added = in_both(old, new)
    yardstick = _yardstick(old, new, paired=paired, across_machines=across_machines)
    ids = [name for name in ids if yardstick != "serial" or _is_divided(name, (*old, *new))]
    if not ids:
        raise ValueError("no case is in all launches of both; `rayscale runs` lists what there is")
    logs = _logs(old, ids, yardstick), _logs(new, ids, yardstick)
    moved = _control_ratio(old, new)
    labels = Labels(len(old), len(new), paired=paired) if min(len(old), len(new)) > 1 else None
    notes = _notes(labels, terms, yardstick, moved)
    doubt = notes[0] if notes else ""
    shift = 0.0 if paired else math.log(1 + terms.tolerance / 2)
    statistics = labels.statistics(logs[0] + shift, logs[1]) if labels else None
    slower = step_down(statistics) if statistics is not None else None
    not_slower = (
        single(-labels.statistics(logs[0] + math.log(1 + terms.tolerance), logs[1]))
        if labels
        else None
    )
    bar = critical(statistics, terms.false_alarm) if statistics is not None else None
    cases = []
    for column, name in enumerate(ids):
        ours = logs[0][:, column], logs[1][:, column]
        interval = _interval(*ours, paired=paired)
        ratio = math.exp(fmean(ours[1]) - fmean(ours[0]))
        p = None if slower is None else float(slower[column])
        refuted = not_slower is not None and not_slower[column] <= terms.miss
        cases.append(
            ComparedCase(
                id=name,
                label=old[0].medians[name].label,
                old=median(launch.medians[name].median for launch in old),
                new=median(launch.medians[name].median for launch in new),
                spreads=(_spread(old, name), _spread(new, name)),
                ratio=ratio,
                interval=interval,
                p=p,
                power=None if bar is None else _power(*ours, bar, shift, paired=paired),
                verdict="unsure"
                if doubt
                else _verdict(ours, p, terms, interval, not_slower=refuted),
                why=doubt,
            )
        )
    return Comparison(
        terms=terms,
        launches=(len(old), len(new)),
        paired=paired,
        yardstick=yardstick,
        cases=tuple(cases),
        missing=tuple(missing),
        added=tuple(added),
        control=moved,
        notes=tuple(notes),
    )


def conditions(old: Sequence[Launch], new: Sequence[Launch], *, across_machines: bool) -> list[str]:
    """Return what is compared, in lines; what differs in software is among them.

    ValueError if the machines differ and times are to be compared.
    """
    hardware = _differences(old, new, "hardware")
    if hardware and not across_machines:
        raise ValueError(
            f"OLD and NEW are of different machines ({'; '.join(hardware)}), and times of one say "
            "nothing of the other; --across-machines compares speed-ups over serial instead"
        )
    lines = [
        f"{side}: {launches[0].name}, {count(len(launches), 'launch')} from "
        f"{launches[0].when.astimezone():%Y-%m-%d %H:%M}, revision {launches[0].revision}"
        for side, launches in (("old", old), ("new", new))
    ]
    lines += [f"hardware differs: {one}" for one in hardware]
    return lines + [f"software differs: {one}" for one in _differences(old, new, "software")]


def _differences(old: Sequence[Launch], new: Sequence[Launch], field: str) -> list[str]:
    sides = ([getattr(launch, field) for launch in side] for side in (old, new))
    return differences(*sides)


def in_both(old: Sequence[Launch], new: Sequence[Launch]) -> tuple[list[str], list[str], list[str]]:
    """Return the cases that all launches have, those that NEW lacks, those that OLD lacks.

    A case that failed in one launch of a set is missing there: what is left would be a
    choice of launches.
    """
    of_old, of_new = _in_all(old), _in_all(new)
    some_old = {name: None for launch in old for name in launch.medians}
    missing = [name for name in some_old if name not in of_new or name not in of_old]
    added = [name for name in of_new if name not in some_old]
    return [name for name in of_old if name in of_new], missing, added


def _in_all(launches: Sequence[Launch]) -> list[str]:
    return [
        name
        for name in launches[0].medians
        if all(name in launch.medians for launch in launches[1:])
    ]


def _yardstick(
    old: Sequence[Launch], new: Sequence[Launch], *, paired: bool, across_machines: bool
) -> Yardstick:
    if across_machines:
        return "serial"
    controlled = all(case.control for launch in (*old, *new) for case in launch.medians.values())
    return "control" if controlled and not paired else "nothing"


def _is_divided(name: str, launches: Sequence[Launch]) -> bool:
    """Tell whether each launch has the serial case that *name* is to be divided by."""
    return all(
        (serial := _serial(launch, launch.medians[name])) is not None and serial.id != name
        for launch in launches
    )


def _serial(launch: Launch, case: Case) -> Case | None:
    return next(
        (
            one
            for one in launch.medians.values()
            if one.implementation == "serial" and one.serial == case.serial
        ),
        None,
    )


def _logs(launches: Sequence[Launch], ids: Sequence[str], yardstick: Yardstick) -> Floats:
    """Return the logarithms of the medians, (launch, case), in units of the yardstick."""
    return np.array([[_log(launch, name, yardstick) for name in ids] for launch in launches])


def _log(launch: Launch, name: str, yardstick: Yardstick) -> float:
    case = launch.medians[name]
    units: Mapping[Yardstick, float | None] = {
        "nothing": 1.0,
        "control": case.control,
        "serial": serial.median if (serial := _serial(launch, case)) else None,
    }
    unit = units[yardstick]
    assert unit is not None  # chosen only where every launch has it
    return math.log(case.median / unit)


def _spread(launches: Sequence[Launch], name: str) -> float | None:
    """Return how far the launches' medians lie apart: their relative standard deviation."""
    if len(launches) < 2:
        return None
    return stdev(math.log(launch.medians[name].median) for launch in launches)


def _control_ratio(old: Sequence[Launch], new: Sequence[Launch]) -> float | None:
    controls = [[launch.control for launch in side if launch.control] for side in (old, new)]
    return median(controls[1]) / median(controls[0]) if all(controls) else None


def _notes(
    labels: Labels | None, terms: Terms, yardstick: Yardstick, moved: float | None
) -> list[str]:
    """Return what makes every verdict unsure, in sentences."""
    notes = []
    if labels is None:
        notes.append(
            "one launch has no spread: nothing tells a change from the next launch's difference"
        )
    elif labels.least > terms.false_alarm:
        notes.append(
            f"{labels.new} against {labels.old} launches can be told from chance at "
            f"{labels.least:.1%} at best, and {terms.false_alarm:.1%} is asked for: launch more"
        )
    if yardstick == "control" and moved and abs(math.log(moved)) > math.log(1 + terms.tolerance):
        notes.append(
            f"the control takes {moved:.3f} times as long as before: the machine changed, not the "
            "code"
        )
    return notes


def _verdict(
    ours: tuple[Floats, Floats],
    p: float | None,
    terms: Terms,
    interval: Interval | None,
    *,
    not_slower: bool,
) -> Verdict:
    """Slower: p within the level, and the median ratio at least half the tolerance above 1."""
    of_medians = math.exp(float(np.median(ours[1]) - np.median(ours[0])))
    if p is not None and p <= terms.false_alarm and of_medians >= 1 + terms.tolerance / 2:
        return "slower"
    if not_slower:
        return "faster" if interval and interval.high < 1 else "same"
    return "unsure"


def _interval(old: Floats, new: Floats, *, paired: bool) -> Interval | None:
    """Return a 99 % interval of the ratio of geometric means, by Student's t (Welch's, unpaired).

    None where a set has one launch.
    """
    if min(len(old), len(new)) < 2:
        return None
    test = ttest_1samp(new - old, 0.0) if paired else ttest_ind(new, old, equal_var=False)
    bounds = test.confidence_interval(CONFIDENCE)
    return Interval(math.exp(bounds.low), math.exp(bounds.high))


def _power(old: Floats, new: Floats, bar: float, shift: float, *, paired: bool) -> float:
    """Return the probability that a case which takes 10 % longer is called slower.

    Its t is then noncentral, at the spread that was seen, and it must pass the *bar*.
    """
    if paired:
        error = float(np.std(new - old, ddof=1)) / math.sqrt(len(new))
        freedom = len(new) - 1
    else:
        freedom = len(old) + len(new) - 2
        within = ((old - old.mean()) ** 2).sum() + ((new - new.mean()) ** 2).sum()
        error = math.sqrt(float(within) / freedom * (1 / len(old) + 1 / len(new)))
    if error == 0.0:
        return 1.0
    return float(nct.sf(bar, freedom, (math.log(1.1) - shift) / error))
