"""Each case over the kept runs: how its time went, and what it did since the last baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from rich import box
from rich.table import Table

from rayscale.analysis.launches import Launch
from rayscale.analysis.store import Group, groups
from rayscale.analysis.text import duration

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 40  # of a sparkline: older runs are left out of it


@dataclass(frozen=True)
class CaseHistory:
    """One case on one machine: its median in each group of launches, oldest first, in seconds."""

    label: str
    folder: str
    medians: tuple[float, ...]
    revisions: tuple[str, ...]
    baseline: float | None  # the newest one's median

    @property
    def change(self) -> float | None:
        """The last median over the baseline's."""
        return self.medians[-1] / self.baseline if self.baseline else None


def histories(launches: Sequence[Launch], wanted: Sequence[str] = ()) -> list[CaseHistory]:
    """Return the history of each case, or of those whose label or id has a *wanted* word.

    Machine by machine: their times are not one history.
    """
    seen: dict[tuple[str, str], list[tuple[Group, float, str]]] = {}
    for group in groups(launches):
        for case_id, case in group.first.medians.items():
            if wanted and not any(word in case.label or word in case_id for word in wanted):
                continue
            medians = [
                launch.medians[case_id].median
                for launch in group.launches
                if case_id in launch.medians
            ]
            seen.setdefault((group.folder, case_id), []).append(
                (group, median(medians), case.label)
            )
    return [_history(folder, points) for (folder, _), points in sorted(seen.items())]


def _history(folder: str, points: Sequence[tuple[Group, float, str]]) -> CaseHistory:
    baselines = [seconds for group, seconds, _ in points if group.is_baseline]
    return CaseHistory(
        label=points[-1][2],
        folder=folder,
        medians=tuple(seconds for _, seconds, _ in points),
        revisions=tuple(group.first.revision for group, _, _ in points),
        baseline=baselines[-1] if baselines else None,
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
            case.label,
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
