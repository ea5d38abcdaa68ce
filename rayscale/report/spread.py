"""How the rounds of each case lie around its median."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from rayscale.measured import Timing
from rayscale.report.drawing import FAINT, INK, Chart, short, slug
from rayscale.text import count, digits, duration, plural

ROWS = 30  # of one chart at most
DOTS = 80  # of one row at most: evenly chosen by rank, the ends among them
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 30, 100)


def spread(title: str, timings: Sequence[Timing], unit: str) -> Chart | None:
    """Return the distribution of each case's times; of the widest, if there are very many.

    None where no case has more than one.
    """
    several = [one for one in timings if len(one.seconds) > 1]
    if not several:
        return None
    widest = sorted(several, key=lambda one: -max(one.seconds) / min(one.seconds))[:ROWS]
    shown = [one for one in several if one in widest]
    return Chart(
        slug("spread", title),
        f"Spread: {title}",
        _caption(unit, left_out=len(several) - len(shown)),
        "; ".join(_described(one) for one in shown),
        partial(_paint, shown=shown, unit=unit),
        height=1.0 + 0.22 * len(shown),
    )


def _caption(unit: str, left_out: int) -> str:
    caption = (
        f"Look for dashes far to the right, which are rare slow {plural(unit)}, and for two "
        f"clusters, which are two states of the machine. A dash is a {unit}; of more than {DOTS}, "
        "so many are shown, evenly by rank, with both ends. The bar holds the middle half."
    )
    rest = f" Left out: the {count(left_out, 'case')} that spread least."
    return caption + (rest if left_out else "")


def _described(one: Timing) -> str:
    middle = float(np.median(one.seconds))
    low, high = min(one.seconds) / middle, max(one.seconds) / middle
    return (
        f"{one.name}: median {duration(middle)}, n={one.rounds}, from {digits(low)} to "
        f"{digits(high)} times that"
    )


def _paint(axes: Axes, shown: Sequence[Timing], unit: str) -> None:
    for row, one in enumerate(shown):
        _paint_row(axes, np.sort(one.seconds) / np.median(one.seconds), row)
    axes.axvline(1, color=FAINT, linewidth=0.8)
    axes.set_yticks(range(len(shown)), [short(one.name) for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    _scale(axes, shown)
    axes.set_xlabel(f"a {unit} / the median of its case")


def _paint_row(axes: Axes, ratios: NDArray[np.float64], row: int) -> None:
    """Draw dashes for *ratios*, which ascend, and a bar for their middle half."""
    places = np.linspace(0, len(ratios) - 1, min(len(ratios), DOTS)).round().astype(int)
    axes.plot(
        ratios[places],
        np.full(len(places), row),
        marker="|",
        linestyle="",
        color=INK,
        alpha=0.5,
        markersize=7,
        markeredgewidth=0.8,
    )
    middle = np.quantile(ratios, (0.25, 0.75))
    axes.plot(middle, [row, row], color=FAINT, linewidth=3.5, alpha=0.8, solid_capstyle="butt")


def _scale(axes: Axes, shown: Sequence[Timing]) -> None:
    """Show ratios on a logarithmic axis, with as many ticks as have room."""
    middles = [float(np.median(one.seconds)) for one in shown]
    low = min(0.9, *(min(one.seconds) / m for one, m in zip(shown, middles, strict=True)))
    high = max(1.1, *(max(one.seconds) / m for one, m in zip(shown, middles, strict=True)))
    axes.set_xscale("log")
    axes.set_xlim(low / 1.02, high * 1.02)
    room = 0.15 * math.log(high / low)
    kept: list[float] = []
    for tick in sorted(TICKS, key=lambda tick: abs(math.log(tick))):
        if low <= tick <= high and all(abs(math.log(tick / one)) >= room for one in kept):
            kept.append(tick)
    axes.set_xticks(kept)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
