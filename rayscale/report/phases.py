"""Where the time of a Ray call goes, as stacked bars."""

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes

from rayscale.measured import MeasuredCase
from rayscale.report.drawing import Chart, short, slug
from rayscale.suite.sentences import noise
from rayscale.text import count, duration, percent

PHASES = ("start", "waiting", "executing", "fetching")
# Colours that no implementation has.
LOOKS = (("#b8860b", "///"), ("#bbbbbb", "..."), ("#6f7f8f", ""), ("#a0522d", "\\\\\\"))
ROWS = 30  # of one chart, at most


def phases(block: Sequence[MeasuredCase]) -> Chart | None:
    """Return where the time of each Ray call of a problem and size goes; None if not noted."""
    with_phases = [case for case in block if _has_all(case)]
    noted = with_phases[:ROWS]
    if not noted:
        return None
    what = f"{noted[0].problem} {noted[0].placed_size}"
    return Chart(
        slug("phases", what),
        f"Where the time goes: {what}",
        _caption(left_out=len(with_phases[ROWS:])) + noise(noted),
        "; ".join(f"{case.name}: {_described(case)}" for case in noted),
        partial(_paint, noted=noted),
        height=1.2 + 0.3 * len(noted),
    )


def _caption(left_out: int) -> str:
    caption = (
        "Look for executing: that alone is the kernel. Start is the time until it first runs. "
        "Waiting is the time between its calls, when a CPU does Ray's work or nothing. Fetching is "
        "the time after the last one. The phases were noted in a pass of their own: each bar says "
        "how long that pass took, and how far this is from the timed median."
    )
    return caption + (f" Left out: {count(left_out, 'case')}." if left_out else "")


def _paint(axes: Axes, noted: Sequence[MeasuredCase]) -> None:
    _paint_bars(axes, noted)
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


def _paint_bars(axes: Axes, noted: Sequence[MeasuredCase]) -> None:
    rows = range(len(noted))
    left = [0.0] * len(noted)
    for phase, (colour, hatch) in zip(PHASES, LOOKS, strict=True):
        widths = [100 * _share(case, phase) for case in noted]
        axes.barh(
            rows,
            widths,
            left=left,
            label=phase,
            color=colour,
            hatch=hatch,
            edgecolor="#ffffff",
            linewidth=0.3,
        )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(rows, [_name(case) for case in noted])


def _name(case: MeasuredCase) -> str:
    """Return a case's name, short enough to stand to the left of its bar."""
    return short(f"{case.kernel} {case.implementation} cpus{case.cpus}")


def _has_all(case: MeasuredCase) -> bool:
    """Tell whether a case, of a file that may be anybody's, has phases to be shown."""
    return set(PHASES) <= (case.phases or {}).keys() and _whole(case) > 0


def _whole(case: MeasuredCase) -> float:
    return sum((case.phases or {})[phase] for phase in PHASES)


def _share(case: MeasuredCase, phase: str) -> float:
    return (case.phases or {})[phase] / _whole(case)


def _described(case: MeasuredCase) -> str:
    return ", ".join(f"{phase} {percent(_share(case, phase))}" for phase in PHASES)


def _miss(case: MeasuredCase) -> str:
    """Return by how much the phases' sum differs from the timed median."""
    return f"{(_whole(case) / case.median - 1) * 100:+.0f} %"
