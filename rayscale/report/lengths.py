"""Charts against a length: efficiency over that of a task, speed-up over that of a row."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial

from matplotlib.axes import Axes

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, largest
from rayscale.report.drawing import (
    FAINT,
    FEW,
    Chart,
    Palette,
    Style,
    bars,
    height,
    legend,
    logarithmic,
    look,
    palette,
    short,
    slug,
)
from rayscale.report.granularity import Granularity
from rayscale.report.rows import (
    USUAL,
    Line,
    Rows,
    article,
    by_length,
    costs,
    lengths,
    said,
)
from rayscale.report.section import Section
from rayscale.suite.sentences import noise
from rayscale.text import count, digits, duration, percent

ADDED = (
    "The share of the work is the serial time of one {row}, divided by the CPUs that have any. "
    "What the call takes beyond that, for each {row}, is added by the way of running. Each "
    "interval holds by itself."
)


def sections(cases: Sequence[MeasuredCase], looks: Palette) -> Iterator[Section]:
    """Return a section for rows of each name: how long they must be, and what is added to them.

    Where a benchmark gives its rows no name, only how long they must be.
    """
    for row in dict.fromkeys(case.row for case in cases):
        named = [case for case in cases if case.row == row]
        found = by_length(named)
        costly = list(largest(named)) if row != USUAL else []
        tables = [costs(block) for block in costly if block[0].rows]
        yield Section(
            f"How long must {article(row)} be?" if found else f"What does {article(row)} cost?",
            (*said(named), *([ADDED.format(row=row)] if tables else [])),
            (*([lengths(found)] if found else []), *tables),
            tuple(speed_ups(rows, looks) for rows in found),
        )


def speed_ups(rows: Rows, looks: Palette) -> Chart:
    """Return how many times as fast as serial each way is, over the length of a row."""
    return Chart(
        slug("length", *(f"{rows.problem} {rows.kernel} {rows.number} {rows.placement}".split())),
        f"Speed-up against the length of {article(rows.row)}: {rows.name}",
        f"Look where a line crosses the dotted 1, which is serial: {article(rows.row)} that is "
        "longer pays. It crosses in the shaded part, between two lengths whose intervals are on "
        "either side of 1. A bar is the 95 % interval."
        f"{noise([case for line in rows.lines for case in line.cases])}",
        "; ".join(
            f"{line.way}, {count(line.cpus, 'CPU')}: {_described(line)}" for line in rows.lines
        ),
        partial(_paint_speed_ups, rows=rows, looks=looks),
        height(len(rows.lines)),
    )


def _described(line: Line) -> str:
    points = zip(line.lengths, line.ratios, strict=True)
    return ", ".join(f"{ratio} at {duration(length)}" for length, ratio in points)


def _paint_speed_ups(axes: Axes, rows: Rows, looks: Palette) -> None:
    for line in rows.lines:
        axes.errorbar(
            line.lengths,
            [one.value for one in line.ratios],
            yerr=bars([(one.value, one.interval) for one in line.ratios]),
            capsize=2,
            label=f"{short(line.way)}, {count(line.cpus, 'CPU')}",
            **look(looks, line.way),
        )
        found = line.break_even
        if found.below and found.above:
            ends = (line.lengths[line.cases.index(one)] for one in (found.below, found.above))
            axes.axvspan(*ends, color=looks[line.way].colour, alpha=0.12, linewidth=0)
    axes.axhline(1, color=FAINT, linewidth=0.8, linestyle=":")
    logarithmic(axes, "x", duration)
    logarithmic(axes, "y", digits)
    axes.set_xlabel(f"{article(short(rows.row))}, run serially")
    axes.set_ylabel("times as fast as serial")
    legend(axes)


def granularity(own: Sequence[Granularity]) -> Chart | None:
    """Return efficiency against the length of a task; None where it was not measured."""
    if not own:
        return None
    ways = {line.way for line in own}
    if len(ways) > 1:  # at the most CPUs alone: what differs is the way
        own = [line for line in own if line.cpus == max(one.cpus for one in own)]
    return Chart(
        "granularity",
        "Efficiency against the length of a task",
        "Look where a line crosses 50 %: so long must a task be, METG(50 %), to make half of what "
        "the CPUs can give. A bar is the 95 % interval.",
        "; ".join(
            f"{_line_name(line, ways)}: "
            + ", ".join(
                f"{percent(share.value)} at {duration(length)}"
                for length, share in zip(line.lengths, line.efficiencies, strict=True)
            )
            for line in own
        ),
        partial(_paint_granularity, own=own, ways=ways),
        height(len(own) + 1),
    )


def _line_name(line: Granularity, ways: Collection[str]) -> str:
    return f"{short(line.way)}, {line.on}" if len(ways) > 1 else line.on


def _paint_granularity(axes: Axes, own: Sequence[Granularity], ways: Collection[str]) -> None:
    looks = palette(ways)
    for place, line in enumerate(own):
        style, alpha = looks[line.way], 1.0
        if len(ways) == 1:  # what differs is the count, by marker and opacity
            style = Style(style.colour, "os^Dv"[place % 5], ("-", "--", "-.", ":")[place % 4])
            alpha = 0.4 + 0.6 * (place + 1) / len(own)
        _paint_efficiency(axes, line, style, alpha, _line_name(line, ways))
        if (metg := line.metg) and len(own) < FEW:  # more would cover one another
            axes.axvspan(*metg.interval, color=style.colour, alpha=0.12, linewidth=0)
    axes.axhline(100, color=FAINT, linewidth=0.8, label="ideal")
    axes.axhline(50, color=FAINT, linewidth=0.8, linestyle=":")
    logarithmic(axes, "x", duration)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("length of a task")
    axes.set_ylabel("per cent of the ideal")
    legend(axes)


def _paint_efficiency(axes: Axes, line: Granularity, style: Style, alpha: float, name: str) -> None:
    shares = [(100 * one.value, _per_cent(one.interval)) for one in line.efficiencies]
    axes.errorbar(
        line.lengths,
        [value for value, _ in shares],
        yerr=bars(shares),
        capsize=2,
        color=style.colour,
        alpha=alpha,
        marker=style.marker,
        linestyle=style.dash,
        label=name,
    )


def _per_cent(interval: Interval | None) -> Interval | None:
    return Interval(100 * interval.low, 100 * interval.high) if interval else None
