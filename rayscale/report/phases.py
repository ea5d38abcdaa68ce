"""Where the time of a Ray call goes, as stacked bars."""

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes

from rayscale.measured import MeasuredCase
from rayscale.report.drawing import Chart, chart, slug
from rayscale.text import count, duration, percent

PHASES = ("start", "waiting", "executing", "fetching")
# Colours that no implementation has.
LOOKS = (("#b8860b", "///"), ("#bbbbbb", "..."), ("#6f7f8f", ""), ("#a0522d", "\\\\\\"))
ROWS = 30  # of one chart, at most


def phases(block: Sequence[MeasuredCase]) -> Chart | None:
    """Return where the time of each Ray call of a problem and size goes; None if not noted."""
    told = [case for case in block if case.phases]
    noted, left_out = told[:ROWS], len(told[ROWS:])
    if not noted:
        return None
    what = f"{noted[0].problem} {noted[0].size}"
    return chart(
        slug("phases", what),
        f"Where the time goes: {what}",
        "Look for executing: that alone is the kernel. Start is until it first runs, waiting is "
        "between its calls, when a CPU does Ray's work or none, fetching is after the last one. "
        "Noted in a pass of its own: beside each bar is how long that took, and how far it missed "
        "the timed median." + (f" Left out: {count(left_out, 'case')}." if left_out else ""),
        "; ".join(f"{name(case)}: {_said(case)}" for case in noted),
        partial(_paint, noted=noted),
        height=1.2 + 0.3 * len(noted),
    )


def name(case: MeasuredCase) -> str:
    """Return a case's name within its problem and size."""
    words = [case.kernel, case.implementation, *([] if case.is_serial else [f"cpus{case.cpus}"])]
    return " ".join(words)


def _paint(axes: Axes, noted: Sequence[MeasuredCase]) -> None:
    names = [name(case) for case in noted]
    left = [0.0] * len(noted)
    for phase, (colour, hatch) in zip(PHASES, LOOKS, strict=True):
        widths = [100 * _share(case, phase) for case in noted]
        axes.barh(
            names,
            widths,
            left=left,
            label=phase,
            color=colour,
            hatch=hatch,
            edgecolor="#ffffff",
            linewidth=0.3,
        )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for row, case in enumerate(noted):
        axes.annotate(
            f"{duration(_whole(case))} ({_miss(case)})",
            (100, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent of the call")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.35, 1.0), ncols=4, columnspacing=0.8, handlelength=1.4
    )


def _whole(case: MeasuredCase) -> float:
    return sum((case.phases or {})[phase] for phase in PHASES)


def _share(case: MeasuredCase, phase: str) -> float:
    return (case.phases or {})[phase] / _whole(case)


def _said(case: MeasuredCase) -> str:
    return ", ".join(f"{phase} {percent(_share(case, phase))}" for phase in PHASES)


def _miss(case: MeasuredCase) -> str:
    """Return by how much the phases' sum differs from the timed median."""
    return f"{(_whole(case) / case.median - 1) * 100:+.0f} %"
