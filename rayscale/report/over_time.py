"""Each kernel's times over the kept runs, with baselines and verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from rayscale.report.drawing import INK, Chart, chart, logarithmic, slug, style
from rayscale.saved import comparison
from rayscale.saved.history import CaseHistory
from rayscale.saved.launches import Launch
from rayscale.saved.store import Group, groups
from rayscale.text import count, duration

LINES = 8  # of one chart, at most
CHARTS = 12
TERMS = comparison.Terms(tolerance=0.05, false_alarm=0.01, miss=0.01)
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
        baseline: Group | None = None
        for place, group in enumerate(own):
            if baseline and len(group.launches) > 1 and len(baseline.launches) > 1:
                for case, verdict in _against(baseline, group):
                    found[folder, case, place] = verdict
            baseline = group if group.is_baseline else baseline
    return found


def _against(baseline: Group, group: Group) -> Iterator[tuple[str, str]]:
    if comparison.in_both(baseline.launches, group.launches)[0]:
        compared = comparison.compare(baseline.launches, group.launches, TERMS)
        yield from ((case.id, case.verdict) for case in compared.cases)


def histories(cases: Sequence[CaseHistory], told: Verdicts) -> Iterator[Chart]:
    """Return the times of each kernel, problem and size over the kept runs; of the first many."""
    topics: dict[tuple[str, ...], list[CaseHistory]] = {}
    for case in cases:
        if len(case.medians) > 1:
            topics.setdefault(_topic(case), []).append(case)
    for topic, lines in list(topics.items())[:CHARTS]:
        shown, left_out = lines[:LINES], len(lines[LINES:])
        what = " ".join(topic[1:])
        yield chart(
            slug("history", *topic),
            f"History: {what}",
            f"On {topic[0]}. Look for steps that stay. A star is a baseline, a triangle upward or "
            "downward the verdict slower or faster than the baseline before it."
            + (f" Left out: {count(left_out, 'case')}." if left_out else ""),
            "; ".join(
                f"{_way(case)} from {duration(case.medians[0])} to {duration(case.medians[-1])} "
                f"over {count(len(case.medians), 'run')}"
                for case in shown
            ),
            partial(_paint, shown=shown, told=told),
            height=3.4,
        )


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
    return f"{case.implementation} cpus{case.cpus}"


def _paint(axes: Axes, shown: Sequence[CaseHistory], told: Verdicts) -> None:
    for history in shown:
        _paint_line(axes, history, shown, told)
    last = max(history.places[-1] for history in shown)
    names = {
        place: revision
        for history in shown
        for place, revision in zip(history.places, history.revisions, strict=True)
    }
    ticks = [int(one) for one in np.unique(np.linspace(0, last, 5).round()) if int(one) in names]
    axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=25, ha="right")
    logarithmic(axes, "y", duration)
    axes.set_xlabel("revision, oldest first")
    axes.set_ylabel("time of a call")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.35), ncols=2)


def _paint_line(
    axes: Axes, history: CaseHistory, shown: Sequence[CaseHistory], told: Verdicts
) -> None:
    case = history.case
    alike = [one.case for one in shown if one.case.implementation == case.implementation]
    most = max(one.cpus or 1 for one in alike)
    look = style(case.implementation or "")
    axes.plot(
        history.places,
        history.medians,
        color=look.colour,
        alpha=0.4 + 0.6 * (case.cpus or 1) / most,
        marker=look.marker if len(history.places) <= 40 else "",
        markerfacecolor=look.colour if (case.cpus or 1) == most else "none",
        linestyle=look.dash,
        label=_way(history),
    )
    points = zip(history.places, history.medians, history.baselines, strict=True)
    for place, seconds, is_baseline in points:
        if is_baseline:
            axes.plot(place, seconds, marker="*", markersize=9, color=look.colour)
        if sign := SIGNS.get(told.get((history.folder, case.id, place), "")):
            axes.annotate(
                sign,
                (place, seconds),
                xytext=(0, 6 if sign == SIGNS["slower"] else -12),
                textcoords="offset points",
                ha="center",
                color=INK,
            )
