"""Each kernel's times over the kept runs, with baselines and verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from rayscale.report.drawing import INK, Chart, Palette, Style, logarithmic, short, slug
from rayscale.saved.comparison import compare, in_both
from rayscale.saved.evidence import Limits
from rayscale.saved.history import CaseHistory
from rayscale.saved.launches import Launch
from rayscale.saved.store import Group, groups
from rayscale.text import count, duration, share

LINES = 8  # of one chart, at most
CHARTS = 12
TOLERANCE, MISS = 0.05, 0.01  # as the command `rayscale compare` has them by default
FALSE_ALARM = 0.01  # of any "slower" in all charts of a machine: its series share it
SIGNS = {"slower": "▲", "faster": "▼"}

Verdicts = Mapping[tuple[str, str, int], str]  # by folder, case and place


def verdicts(launches: Sequence[Launch]) -> dict[tuple[str, str, int], str]:
    """Return what each series says against the baseline before it, case by case.

    A run by itself says nothing: one launch has no spread.
    """
    found: dict[tuple[str, str, int], str] = {}
    by_folder: dict[str, list[Group]] = {}
    for group in groups(launches):
        by_folder.setdefault(group.folder, []).append(group)
    for folder, own in by_folder.items():
        pairs = list(_against_baselines(own))
        limits = Limits(TOLERANCE, FALSE_ALARM / max(1, len(pairs)), MISS)
        for place, baseline, group in pairs:
            for case in compare(baseline.launches, group.launches, limits).cases:
                found[folder, case.id, place] = case.verdict
    return found


def _against_baselines(own: Sequence[Group]) -> Iterator[tuple[int, Group, Group]]:
    """Return the place of each series that can be compared, the baseline before it, and itself."""
    baseline: Group | None = None
    for place, group in enumerate(own):
        several = baseline and min(len(group.launches), len(baseline.launches)) > 1
        if baseline and several and in_both(baseline.launches, group.launches)[0]:
            yield place, baseline, group
        baseline = group if group.is_baseline else baseline


def charts(cases: Sequence[CaseHistory], found: Verdicts, looks: Palette) -> Iterator[Chart]:
    """Return the times of each kernel, problem and size over the kept runs; of the first many."""
    topics: dict[tuple[str, ...], list[CaseHistory]] = {}
    for case in cases:
        if len(case.medians) > 1:
            topics.setdefault(_topic(case), []).append(case)
    for topic, lines in list(topics.items())[:CHARTS]:
        shown, what = lines[:LINES], " ".join(topic[1:])
        yield Chart(
            slug("history", *topic),
            f"History: {what}",
            _caption(topic[0], left_out=len(lines[LINES:])) + _noise(shown),
            "; ".join(
                f"{_way(case)} from {duration(case.medians[0])} to {duration(case.medians[-1])} "
                f"over {count(len(case.medians), 'run')}"
                for case in shown
            ),
            partial(_paint, shown=shown, found=found, looks=looks),
            height=3.4,
        )


def _caption(machine: str, left_out: int) -> str:
    caption = (
        f"On {machine}. Look for steps that stay. A star is a baseline. A triangle that points up "
        "or down is the verdict slower or faster than the baseline before it. "
        f"Any false 'slower' in this machine's charts has a chance of {share(FALSE_ALARM)} or less."
    )
    return caption + (f" Left out: {count(left_out, 'case')}." if left_out else "")


def _noise(shown: Sequence[CaseHistory]) -> str:
    points = sum(sum(case.noisy) for case in shown)
    return f" Timed while the machine was noisy: {count(points, 'point')}." if points else ""


def _topic(history: CaseHistory) -> tuple[str, ...]:
    """Return the machine, and the problem, kernel and size, or another suite's test."""
    case = history.case
    if case.problem and case.kernel and case.size:
        return history.folder, case.problem, case.kernel, case.size
    return history.folder, case.label


def _way(history: CaseHistory) -> str:
    case = history.case
    if case.implementation in (None, "serial"):
        return case.implementation or case.label
    return f"{case.implementation} cpus{case.cpus} {case.placement}".rstrip()


def _paint(axes: Axes, shown: Sequence[CaseHistory], found: Verdicts, looks: Palette) -> None:
    for history in shown:
        _paint_line(axes, history, shown, looks)
        _mark(axes, history, found, looks)
    last = max(history.places[-1] for history in shown)
    names = {
        place: revision
        for history in shown
        for place, revision in zip(history.places, history.revisions, strict=True)
    }
    ticks = [int(one) for one in np.unique(np.linspace(0, last, 5).round()) if int(one) in names]
    axes.set_xticks(ticks, [short(names[tick]) for tick in ticks], rotation=25, ha="right")
    logarithmic(axes, "y", duration)
    axes.set_xlabel("revision, oldest first")
    axes.set_ylabel("time of a call")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.35), ncols=2)


def _look(history: CaseHistory, looks: Palette) -> Style:
    """Return a way's style; another suite's test, which runs no such way, has serial's."""
    return looks[history.case.implementation or "serial"]


def _paint_line(
    axes: Axes, history: CaseHistory, shown: Sequence[CaseHistory], looks: Palette
) -> None:
    case, look = history.case, _look(history, looks)
    alike = [one.case for one in shown if one.case.implementation == case.implementation]
    most = max(one.cpus or 1 for one in alike)
    axes.plot(
        history.places,
        history.medians,
        color=look.colour,
        alpha=0.4 + 0.6 * (case.cpus or 1) / most,
        marker=look.marker if len(history.places) <= 40 else "",
        markerfacecolor=look.colour if (case.cpus or 1) == most else "none",
        linestyle=look.dash,
        label=short(_way(history)),
    )


def _mark(axes: Axes, history: CaseHistory, found: Verdicts, looks: Palette) -> None:
    """Draw a star for each baseline, and a triangle for each verdict that is not "same"."""
    points = zip(history.places, history.medians, history.baselines, strict=True)
    for place, seconds, is_baseline in points:
        if is_baseline:
            colour = _look(history, looks).colour
            axes.plot(place, seconds, marker="*", markersize=9, color=colour)
        if sign := SIGNS.get(found.get((history.folder, history.case.id, place), "")):
            axes.annotate(
                sign,
                (place, seconds),
                xytext=(0, 6 if sign == SIGNS["slower"] else -12),
                textcoords="offset points",
                ha="center",
                color=INK,
            )
