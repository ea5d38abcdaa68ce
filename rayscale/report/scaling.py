"""Charts of scaling: speed-up against CPUs, time against size."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from rayscale.measured import by_placement
from rayscale.report.break_even import BreakEven, break_even, lines, points_tell, sizes
from rayscale.report.drawing import (
    FAINT,
    FEW,
    INK,
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
from rayscale.suite.gain import Block, Gain, gain
from rayscale.suite.sentences import noise
from rayscale.text import count, digits, duration

WIDE = 20  # times: values that lie further apart are shown on a logarithmic axis


def speed_ups(block: Block, cores: int | None, looks: Palette) -> Iterator[Chart]:
    """Return, for each kernel of a problem and size, its speed-ups against CPUs."""
    for kernel in dict.fromkeys(case.kernel for case in block):
        rays = (case for case in block if case.kernel == kernel and not case.is_serial)
        gains = [one for case in rays if (one := gain(case, block))]
        if not gains:
            continue
        what = f"{block[0].problem} {kernel} {block[0].placed_size}"
        yield Chart(
            slug("speed-up", what),
            f"Speed-up: {what}",
            "Look how far each line stays below the thin grey ideal, and whether its bars stay "
            f"above the dotted 1, which is serial. A bar is the 95 % interval.{_aside(gains)}"
            f"{noise([one.case for one in gains])}",
            "; ".join(f"{one.case.way}: {one.ratio} as fast as serial" for one in gains),
            partial(_paint_speed_ups, gains=gains, cores=cores, looks=looks),
            height(len({one.case.implementation for one in gains}) + 1),
        )


def _aside(gains: Sequence[Gain]) -> str:
    many = len({one.case.implementation for one in gains}) > FEW
    return " Ways on as many CPUs stand side by side." if many else ""


def _paint_speed_ups(axes: Axes, gains: Sequence[Gain], cores: int | None, looks: Palette) -> None:
    counts = {one.case.cpus for one in gains}
    ends = [1, max(2, *counts)]
    ways = list(dict.fromkeys(one.case.implementation for one in gains))
    apart = 0.02 * (ends[1] - 1) if len(ways) > FEW else 0.0  # else they would cover one another
    for place, way in enumerate(ways):
        line = [one for one in gains if one.case.implementation == way]
        _paint_line(axes, way, line, looks, apart * (place - len(ways) // 2))
    axes.plot(ends, ends, color=FAINT, linewidth=0.8, label="ideal")
    axes.axhline(1, color=FAINT, linewidth=0.8, linestyle=":")
    if cores and cores <= ends[1]:
        _mark_cores(axes, cores)
    ratios = [one.ratio.value for one in gains]
    if WIDE * min(ratios) < 1 or max(ratios) > WIDE * min(ratios):
        logarithmic(axes, "y", digits)
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(sorted(counts | set(ends)))
    axes.set_xlabel("CPUs")
    axes.set_ylabel("times as fast as serial")
    legend(axes)


def _mark_cores(axes: Axes, cores: int) -> None:
    axes.axvline(cores, color=FAINT, linewidth=0.6, linestyle="--")
    axes.annotate(
        count(cores, "core"),
        (cores, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 3),
        textcoords="offset points",
        ha="right",
        color=INK,
    )


def _paint_line(axes: Axes, way: str, gains: Sequence[Gain], looks: Palette, aside: float) -> None:
    """Draw a way's speed-ups, by *aside* to the right of their CPU counts."""
    line = sorted(gains, key=lambda one: one.case.cpus)
    axes.errorbar(
        [one.case.cpus + aside for one in line],
        [one.ratio.value for one in line],
        yerr=bars([(one.ratio.value, one.ratio.interval) for one in line]),
        capsize=3,
        label=short(way),
        **look(looks, way),
    )


def times_by_size(cases: Block, looks: Palette) -> Iterator[Chart]:
    """Return, for each kernel measured at several sizes, its times against the size.

    In a cluster, for each placement of CPUs.
    """
    kernels = dict.fromkeys((case.problem, case.kernel) for case in cases)
    for problem, kernel in kernels:
        alike = [case for case in cases if (case.problem, case.kernel) == (problem, kernel)]
        yield from _times_of_kernel(alike, looks)


def _times_of_kernel(cases: Block, looks: Palette) -> Iterator[Chart]:
    for placed in by_placement(cases):
        own = lines(placed)
        what = f"{placed[0].problem} {placed[0].kernel} {placed[0].placement}".rstrip()
        shown = [case for line in own.values() for case in line]
        if len(own) < 2 or len(sizes(shown)) < 2:
            continue
        serial = own.get("serial", [])
        even = {way: break_even(serial, line) for way, line in own.items() if way != "serial"}
        yield Chart(
            slug("size", *what.split()),
            f"Time against size: {what}",
            (_crossings(even) if serial else "There is no serial case to compare with.")
            + noise(shown),
            "; ".join(f"{one.name} takes {duration(one.median)} for {one.size}" for one in shown),
            partial(_paint_times, own=own, even=even, looks=looks),
            height(len(own)),
        )


def _crossings(even: Mapping[str, BreakEven]) -> str:
    """Return what to look for, and where each way of running overtakes serial."""
    said = "; ".join(f"{way} {one.words}" for way, one in even.items())
    look = "Look where a line crosses the serial one: above that size it pays."
    shaded = " It crosses in the shaded part, between two sizes whose intervals are apart."
    is_shaded = any(one.below and one.above for one in even.values())
    return f"{look}{shaded if is_shaded else ''} Here {said}."


def _paint_times(
    axes: Axes, own: Mapping[str, Block], even: Mapping[str, BreakEven], looks: Palette
) -> None:
    shown = [case for line in own.values() for case in line]
    places = _places(shown)
    for way, line in own.items():
        axes.errorbar(
            [places[case.size] for case in line],
            [case.median for case in line],
            yerr=bars([(case.median, case.interval) for case in line]),
            capsize=2,
            label=way if way == "serial" else f"{short(way)}, {count(line[0].cpus, 'CPU')}",
            **look(looks, way),
        )
        if (found := even.get(way)) and found.below and found.above:
            ends = places[found.below.size], places[found.above.size]
            axes.axvspan(*ends, color=looks[way].colour, alpha=0.12, linewidth=0)
    _paint_sizes(axes, shown, places)
    logarithmic(axes, "y", duration)
    axes.set_ylabel("time of a call")
    legend(axes)


def _paint_sizes(axes: Axes, shown: Block, places: Mapping[str, float]) -> None:
    """Make the axis of the sizes one of points or items or, where these do not tell, of names."""
    if _has_points(shown):
        logarithmic(axes, "x", EngFormatter(sep=""))
        axes.set_xlabel("points" if len(shown[0].shape) > 1 else "items")
    else:
        axes.set_xticks(list(places.values()), list(map(short, places)))
        axes.set_xlabel("size")


def _has_points(cases: Block) -> bool:
    """Tell whether each size can stand at its points, on a logarithmic axis."""
    return points_tell(cases) and all(case.points for case in cases)


def _places(cases: Block) -> dict[str, float]:
    """Return where each size stands on the axis: at its points, or one after the other."""
    points = {case.size: case.points for case in cases}
    order = sizes(cases)
    if _has_points(cases):
        return {size: float(points[size] or 0) for size in order}
    return {size: float(place) for place, size in enumerate(order)}
