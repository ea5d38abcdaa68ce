"""Each case over the kept runs: how its time went, and what it did since the last baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from rich import box
from rich.table import Table

from rayscale.intervals import Interval
from rayscale.saved.comparison import compare, in_both
from rayscale.saved.evidence import Limits
from rayscale.saved.launches import CaseMedian, Launch
from rayscale.saved.store import Group, groups
from rayscale.saved.yardstick import Yardstick
from rayscale.text import duration, percent
from rayscale.verdict import CONFIDENCE

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 40  # of a sparkline: older runs are left out of it
LIMITS = Limits(tolerance=0.05, false_alarm=0.01, miss=0.01)  # the command's defaults


@dataclass(frozen=True)
class Change:
    """What a case's time did since a baseline: a ratio, new / old, of so many launches."""

    ratio: float
    interval: Interval | None  # 99 %; None where a side has one launch
    launches: tuple[int, int]
    yardstick: Yardstick

    def __str__(self) -> str:
        """Return it in per cent, with its interval or ~, its n, and what it was divided by.

        >>> print(Change(1.02, Interval(1.01, 1.03), (10, 10), "control"))
        +2.0 % [+1.0, +3.0] (n=10+10), by control
        >>> print(Change(1.5, None, (10, 1), "nothing"))
        +50.0 % ~ (n=10+1)
        """
        ends = [f"{(end - 1) * 100:+.1f}" for end in self.interval or ()]
        shown = f"[{', '.join(ends)}]" if ends else "~"
        n = "+".join(map(str, self.launches))
        divided = "" if self.yardstick == "nothing" else f", by {self.yardstick}"
        return f"{(self.ratio - 1) * 100:+.1f} % {shown} (n={n}){divided}"


@dataclass(frozen=True)
class CaseHistory:
    """One case on one machine: its median in each group of launches, oldest first, in seconds."""

    case: CaseMedian  # as in the newest
    folder: str
    medians: tuple[float, ...]
    revisions: tuple[str, ...]
    places: tuple[int, ...]  # of these groups among all of the machine
    baselines: tuple[bool, ...]  # which of them are baselines
    noisy: tuple[bool, ...]  # in which of them others used or took much of its CPUs
    change: Change | None  # of the newest since the baseline before it


def histories(launches: Sequence[Launch], wanted: Sequence[str] = ()) -> list[CaseHistory]:
    """Return the history of each case, or of those whose label or id has a *wanted* word.

    Machine by machine: their times are not one history.
    """
    seen: dict[tuple[str, str], list[_Point]] = {}
    for folder, own in _machines(launches).items():
        for place, group in enumerate(own):
            for name, case in group.first.medians.items():
                if not wanted or any(word in case.label or word in name for word in wanted):
                    seen.setdefault((folder, name), []).append(_point(group, place, case))
    changes: dict[tuple[str, str], dict[str, Change]] = {}  # one comparison serves all its cases
    found = []
    for (folder, name), every in sorted(seen.items()):
        points = _of_one_clock(every)
        change = None
        if baseline := _baseline_before(points):
            newest = points[-1].group
            pair = baseline.first.file, newest.first.file
            if pair not in changes:
                changes[pair] = _changes(baseline, newest)
            change = changes[pair].get(name)
        found.append(_history(folder, points, change))
    return found


def _machines(launches: Sequence[Launch]) -> dict[str, list[Group]]:
    """Return the groups of each machine's folder, oldest first."""
    found: dict[str, list[Group]] = {}
    for group in groups(launches):
        found.setdefault(group.folder, []).append(group)
    return found


class _Point(NamedTuple):
    """What a case took in one group."""

    group: Group
    place: int
    case: CaseMedian
    seconds: float
    is_noisy: bool


def _point(group: Group, place: int, case: CaseMedian) -> _Point:
    have = [launch.medians[case.id] for launch in group.launches if case.id in launch.medians]
    is_noisy = any(one.is_noisy for one in have)
    return _Point(group, place, case, median(one.median for one in have), is_noisy)


def _of_one_clock(points: Sequence[_Point]) -> list[_Point]:
    """Return the points that the newest one's clock timed, as far as is known: others are apart."""
    newest = points[-1].case.timer
    return [one for one in points if None in (newest, one.case.timer) or one.case.timer == newest]


def _history(folder: str, points: Sequence[_Point], change: Change | None) -> CaseHistory:
    return CaseHistory(
        case=points[-1].case,
        folder=folder,
        medians=tuple(point.seconds for point in points),
        revisions=tuple(point.group.first.revision for point in points),
        places=tuple(point.place for point in points),
        baselines=tuple(point.group.is_baseline for point in points),
        noisy=tuple(point.is_noisy for point in points),
        change=change,
    )


def _baseline_before(points: Sequence[_Point]) -> Group | None:
    """Return the newest baseline before the last point."""
    return next((one.group for one in reversed(points[:-1]) if one.group.is_baseline), None)


def _changes(baseline: Group, group: Group) -> dict[str, Change]:
    """Return how each case that all launches of both have has changed."""
    if group.is_resumed or not in_both(baseline.launches, group.launches)[0]:
        return {}
    compared = compare(baseline.launches, group.launches, LIMITS)
    return {
        case.id: Change(case.ratio, case.interval, compared.launches, compared.yardstick)
        for case in compared.cases
    }


def table(cases: Sequence[CaseHistory]) -> Table:
    """Return a line per case: machine, sparkline, last median, change since the baseline."""
    shown = Table(box=box.SIMPLE)
    shown.add_column("case", no_wrap=True)
    shown.add_column("machine")
    shown.add_column("runs", justify="right")
    shown.add_column("oldest to newest", no_wrap=True)
    shown.add_column("newest", justify="right", no_wrap=True)
    shown.add_column("revision", no_wrap=True)
    shown.add_column(f"since baseline [{percent(CONFIDENCE)}]", no_wrap=True)
    for case in cases:
        shown.add_row(
            case.case.label,
            case.folder,
            str(len(case.medians)),
            sparkline(case.medians[-WIDTH:]),
            f"{duration(case.medians[-1])}{'^' if case.noisy[-1] else ''}",
            case.revisions[-1],
            str(case.change or "-"),
        )
    return shown


def sparkline(numbers: Sequence[float]) -> str:
    """Return a block for each number, its height from 0 to the largest.

    >>> sparkline([1.0, 2.0, 8.0, 4.0])
    '▁▂█▄'
    """
    heights = np.ceil(np.asarray(numbers) / max(numbers) * len(BLOCKS)).astype(int)
    return "".join(BLOCKS[height - 1] for height in heights)
