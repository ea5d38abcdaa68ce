"""Each case over the kept runs: how its time went, and what it did since the last baseline."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from rich import box
from rich.table import Table

from rayscale.saved.launches import Case, Launch
from rayscale.saved.store import Group, groups
from rayscale.text import duration

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 40  # of a sparkline: older runs are left out of it


@dataclass(frozen=True)
class CaseHistory:
    """One case on one machine: its median in each group of launches, oldest first, in seconds."""

    case: Case  # as in the newest
    folder: str
    medians: tuple[float, ...]
    revisions: tuple[str, ...]
    places: tuple[int, ...]  # of these groups among all of the machine
    baselines: tuple[bool, ...]  # which of them are baselines

    @property
    def baseline(self) -> float | None:
        """The newest baseline's median."""
        kept = [s for s, is_one in zip(self.medians, self.baselines, strict=True) if is_one]
        return kept[-1] if kept else None

    @property
    def change(self) -> float | None:
        """The last median over the baseline's."""
        return self.medians[-1] / self.baseline if self.baseline else None


def histories(launches: Sequence[Launch], wanted: Sequence[str] = ()) -> list[CaseHistory]:
    """Return the history of each case, or of those whose label or id has a *wanted* word.

    Machine by machine: their times are not one history.
    """
    seen: dict[tuple[str, str], list[_Point]] = {}
    numbers: Counter[str] = Counter()
    for group in groups(launches):
        place = numbers[group.folder]
        numbers[group.folder] += 1
        for case_id, case in group.first.medians.items():
            if wanted and not any(word in case.label or word in case_id for word in wanted):
                continue
            medians = [
                launch.medians[case_id].median
                for launch in group.launches
                if case_id in launch.medians
            ]
            point = _Point(group, place, case, median(medians))
            seen.setdefault((group.folder, case_id), []).append(point)
    return [_history(folder, points) for (folder, _), points in sorted(seen.items())]


class _Point(NamedTuple):
    """What a case took in one group."""

    group: Group
    place: int
    case: Case
    seconds: float


def _history(folder: str, points: Sequence[_Point]) -> CaseHistory:
    return CaseHistory(
        case=points[-1].case,
        folder=folder,
        medians=tuple(point.seconds for point in points),
        revisions=tuple(point.group.first.revision for point in points),
        places=tuple(point.place for point in points),
        baselines=tuple(point.group.is_baseline for point in points),
    )


def table(cases: Sequence[CaseHistory]) -> Table:
    """Return a line per case: machine, sparkline, last median, change since the baseline."""
    shown = Table(box=box.SIMPLE)
    shown.add_column("case", no_wrap=True)
    shown.add_column("machine")
    shown.add_column("runs", justify="right")
    shown.add_column("oldest to newest", no_wrap=True)
    shown.add_column("newest", justify="right", no_wrap=True)
    shown.add_column("revision", no_wrap=True)
    shown.add_column("since baseline", justify="right", no_wrap=True)
    for case in cases:
        shown.add_row(
            case.case.label,
            case.folder,
            str(len(case.medians)),
            sparkline(case.medians[-WIDTH:]),
            duration(case.medians[-1]),
            case.revisions[-1],
            "-" if case.change is None else f"{(case.change - 1) * 100:+.1f} %",
        )
    return shown


def sparkline(numbers: Sequence[float]) -> str:
    """Return a block for each number, from 0 to the largest; NumPy has the bins, nobody the line.

    >>> sparkline([1.0, 2.0, 8.0, 4.0])
    '▁▂█▄'
    """
    heights = np.ceil(np.asarray(numbers) / max(numbers) * len(BLOCKS)).astype(int)
    return "".join(BLOCKS[height - 1] for height in heights)
