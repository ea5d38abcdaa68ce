"""What would more CPUs bring?  Predictions as a section of the report, with a chart each."""

from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.axes import Axes

from rayscale.report.bases import UnpredictableError, bases
from rayscale.report.drawing import (
    FAINT,
    Chart,
    Palette,
    bars,
    height,
    legend,
    logarithmic,
    look,
    short,
    slug,
)
from rayscale.report.prediction import Line
from rayscale.report.prediction_table import (
    HEADINGS,
    WORDS,
    Asked,
    kernels,
    rest_on,
    rows,
    sentences,
)
from rayscale.report.section import Section
from rayscale.report.subject import Subject
from rayscale.report.tables import Table
from rayscale.saved.launches import Launch
from rayscale.suite.gain import gain
from rayscale.text import count, digits

HEADING = "What would more CPUs bring?"
COUNTS = (4, 16, 64)
DRAWN = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


def section(subject: Subject, kept: Sequence[Launch], looks: Palette) -> Section:
    """Return what is predicted of *subject*, whose machine's other runs are *kept*, if anything."""
    try:
        found = bases(subject, kept)
    except UnpredictableError:
        return Section("")
    asked = Asked(COUNTS, ())
    table = Table(
        "What more CPUs would bring, over serial", HEADINGS, tuple(rows(found, asked)), len(WORDS)
    )
    said = (*sentences(found, asked), *rest_on(found))
    return Section(HEADING, said, (table,), tuple(_charts(found.lines, looks)))


def _charts(lines: Sequence[Line], looks: Palette) -> Iterator[Chart]:
    """Return a chart for each kernel."""
    for own in kernels(lines):
        what, away = own[0].name, own[0].source.away
        yield Chart(
            slug("predicted", what),
            f"Predicted speed-up: {what}",
            "Look where a line leaves the thin grey ideal, and how wide its shade is: 95 of 100 "
            "launches are to be inside. A point with its bar was measured. "
            f"To the right of {count(own[0].source.cores, 'core')}, marked by a dashed line, it "
            f"holds if {'cores and network' if away else 'cores'} stay as fast when all work.",
            "; ".join(f"{line.way}: {_described(line)}" for line in own),
            partial(_paint, lines=own, looks=looks),
            height(len(own) + 1),
        )


def _described(line: Line) -> str:
    predicted = [line.at(cpus, line.rows) for cpus in COUNTS]
    return ", ".join(f"{one.ratio.figure} on {count(one.cpus, 'CPU')}" for one in predicted)


def _paint(axes: Axes, lines: Sequence[Line], looks: Palette) -> None:
    for line in lines:
        _paint_line(axes, line, looks)
    ends = [DRAWN[0], DRAWN[-1]]
    axes.plot(ends, ends, color=FAINT, linewidth=0.8, label="ideal")
    axes.axhline(1, color=FAINT, linewidth=0.8, linestyle=":")
    axes.axvline(lines[0].source.cores, color=FAINT, linewidth=0.6, linestyle="--")
    logarithmic(axes, "x", lambda cpus: f"{cpus:.0f}")
    logarithmic(axes, "y", digits)
    axes.set_xlabel("CPUs")
    axes.set_ylabel("times as fast as serial")
    legend(axes)


def _paint_line(axes: Axes, line: Line, looks: Palette) -> None:
    """Draw what is predicted as a line in its shade, and what was measured as points."""
    style, predicted = looks[line.way], [line.at(cpus, line.rows) for cpus in DRAWN]
    known = [one.ratio.interval or (one.ratio.value, one.ratio.value) for one in predicted]
    low, high = zip(*known, strict=True)
    axes.fill_between(DRAWN, low, high, color=style.colour, alpha=0.12, linewidth=0)
    axes.plot(
        DRAWN,
        [one.ratio.value for one in predicted],
        color=style.colour,
        linestyle=style.dash,
    )
    measured = [one for case in line.cases if (one := gain(case, [line.serial]))]
    axes.errorbar(
        [one.case.cpus for one in measured],
        [one.ratio.value for one in measured],
        yerr=bars([(one.ratio.value, one.ratio.interval) for one in measured]),
        capsize=2,
        label=short(line.way),
        **look(looks, line.way) | {"linestyle": "none"},
    )
