"""Charts of scaling: speed-up against CPUs, time against size, efficiency against task length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from rayscale.intervals import Interval, median_interval, speed_up
from rayscale.measured import MeasuredCase
from rayscale.report.drawing import (
    FAINT,
    INK,
    Chart,
    chart,
    logarithmic,
    slug,
    style,
)
from rayscale.report.subject import Probe
from rayscale.suite.gain import Gain, gain
from rayscale.suite.laws import break_even, metg
from rayscale.text import count, digits, duration, percent

Block = Sequence[MeasuredCase]
WIDE = 20  # times: values that lie further apart are shown on a logarithmic axis


def speed_ups(block: Block, cores: int | None) -> Iterator[Chart]:
    """Return, for each kernel of a problem and size, its speed-ups against CPUs."""
    for kernel in dict.fromkeys(case.kernel for case in block):
        rays = (case for case in block if case.kernel == kernel and not case.is_serial)
        gains = [one for case in rays if (one := gain(case, block))]
        if not gains:
            continue
        what = f"{block[0].problem} {kernel} {block[0].size}"
        yield chart(
            slug("speed-up", what),
            f"Speed-up: {what}",
            "Look how far each line stays below the thin grey ideal, and whether it stays above "
            "the dotted 1, which is serial.",
            "; ".join(
                f"{one.case.implementation} on {count(one.case.cpus, 'CPU')} is "
                f"{digits(one.ratio)} times as fast as serial"
                for one in gains
            ),
            partial(_paint_speed_ups, gains=gains, cores=cores),
        )


def _paint_speed_ups(axes: Axes, gains: Sequence[Gain], cores: int | None) -> None:
    for name in dict.fromkeys(one.case.implementation for one in gains):
        _paint_line(axes, name, [one for one in gains if one.case.implementation == name])
    counts = {one.case.cpus for one in gains}
    ends = [1, max(2, *counts)]
    axes.plot(ends, ends, color=FAINT, linewidth=0.8, label="ideal")
    axes.axhline(1, color=FAINT, linewidth=0.8, linestyle=":")
    if cores and cores <= ends[1]:
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
    ratios = [one.ratio for one in gains]
    if WIDE * min(ratios) < 1 or max(ratios) > WIDE * min(ratios):
        logarithmic(axes, "y", digits)
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(sorted(counts | set(ends)))
    axes.set_xlabel("CPUs")
    axes.set_ylabel("times as fast as serial")
    axes.legend()


def _paint_line(axes: Axes, name: str, gains: Sequence[Gain]) -> None:
    line = sorted(gains, key=lambda one: one.case.cpus)
    bounds = [one.interval or (one.ratio, one.ratio) for one in line]
    look = style(name)
    axes.errorbar(
        [one.case.cpus for one in line],
        [one.ratio for one in line],
        yerr=[
            [one.ratio - low for one, (low, _) in zip(line, bounds, strict=True)],
            [high - one.ratio for one, (_, high) in zip(line, bounds, strict=True)],
        ],
        color=look.colour,
        marker=look.marker,
        linestyle=look.dash,
        capsize=3,
        label=name,
    )


def times_by_size(cases: Block) -> Iterator[Chart]:
    """Return, for each kernel measured at several sizes, its times against the size."""
    for problem, kernel in dict.fromkeys((case.problem, case.kernel) for case in cases):
        both = [case for case in cases if (case.problem, case.kernel) == (problem, kernel)]
        own = [case for case in both if not case.oversubscribed]
        lines = _by_implementation(own)
        if len({case.points for case in own}) < 2 or len(lines) < 2:
            continue
        even = {
            name: size
            for name, line in lines.items()
            if name != "serial" and (size := _break_even(lines.get("serial", []), line))
        }
        said = [
            f"{name} overtakes it {_place(even.get(name), own)}"
            for name in lines
            if name != "serial" and "serial" in lines
        ]
        yield chart(
            slug("size", problem, kernel),
            f"Time against size: {problem} {kernel}",
            "Look where a Ray line crosses the serial one: above that size, marked by a dotted "
            f"line, Ray pays. Here {'; '.join(said) or 'there is no serial case'}.",
            "; ".join(
                f"{name} takes {duration(case.median)} for {case.points:,} points"
                for name, line in lines.items()
                for case in line
            ),
            partial(_paint_times, lines=lines, even=even),
        )


def _place(size: float | None, cases: Block) -> str:
    """Return at which of the sizes of *cases* an implementation overtakes another, in words."""
    sizes = [case.points for case in cases]
    if size is None:
        return f"at none up to {max(sizes):,} points"
    if size <= min(sizes):
        return f"at all from {min(sizes):,} points on"
    return f"at about {float(f'{size:.2g}'):,.0f} points"


def _by_implementation(cases: Block) -> dict[str, list[MeasuredCase]]:
    """Return each implementation's cases at its most CPUs, by size."""
    lines = {}
    for name in dict.fromkeys(case.implementation for case in cases):
        own = [case for case in cases if case.implementation == name]
        most = max(case.cpus for case in own)
        lines[name] = sorted(
            (case for case in own if case.cpus == most), key=lambda case: case.points
        )
    return lines


def _break_even(serial: Block, line: Block) -> float | None:
    """Return the size from which on *line* beats *serial*, by the sizes that both have."""
    of_serial = {case.points: case.median for case in serial}
    both = [case for case in line if case.points in of_serial]
    if not both:
        return None
    return break_even(
        [case.points for case in both],
        [of_serial[case.points] for case in both],
        [case.median for case in both],
    )


def _paint_times(axes: Axes, lines: Mapping[str, Block], even: Mapping[str, float]) -> None:
    for name, line in lines.items():
        look = style(name)
        axes.plot(
            [case.points for case in line],
            [case.median for case in line],
            color=look.colour,
            marker=look.marker,
            linestyle=look.dash,
            label=name if name == "serial" else f"{name}, {count(line[0].cpus, 'CPU')}",
        )
        if name in even:
            axes.axvline(even[name], color=look.colour, linewidth=0.9, linestyle=":")
    logarithmic(axes, "x", EngFormatter(sep=""))
    logarithmic(axes, "y", duration)
    axes.set_xlabel("points")
    axes.set_ylabel("time of a call")
    axes.legend()


@dataclass(frozen=True)
class Granularity:
    """What share of the ideal tasks of some lengths reach, on some CPUs."""

    cpus: int
    lengths: tuple[float, ...]  # seconds, ascending, as measured serially
    efficiencies: tuple[float, ...]
    bounds: tuple[Interval | None, ...]  # of these, 95 %

    @property
    def metg(self) -> float | None:
        """How long a task must be for half of the ideal, in seconds; None if none is so long."""
        return metg(self.lengths, self.efficiencies)

    def __str__(self) -> str:
        """Return that length in words, with its interval: where the bounds cross half."""
        longest = duration(self.lengths[-1])
        if self.metg is None:
            return f"more than {longest}"
        if self.metg == self.lengths[0]:
            return f"at most {duration(self.metg)}"
        bounds = [bound for bound in self.bounds if bound]
        if len(bounds) < len(self.lengths):
            return f"{duration(self.metg)} ~"
        low = metg(self.lengths, [bound.high for bound in bounds])
        high = metg(self.lengths, [bound.low for bound in bounds])
        ends = [duration(end) if end else f"over {longest}" for end in (low, high)]
        return f"{duration(self.metg)} [{', '.join(ends)}]"


def granularities(probes: Iterable[Probe]) -> list[Granularity]:
    """Return the efficiencies of tasks by their length, for each CPU count."""
    own = [one for one in probes if one.name == "task_length" and one.length is not None]
    serial = {one.length: one for one in own if one.implementation == "serial"}
    rays = [one for one in own if one.implementation != "serial" and one.length in serial]
    return [
        _granularity(
            cpus,
            sorted(
                ((serial[one.length], one) for one in rays if one.cpus == cpus),
                key=lambda pair: pair[1].length or 0.0,
            ),
        )
        for cpus in sorted({one.cpus for one in rays})
    ]


def _granularity(cpus: int, line: Sequence[tuple[Probe, Probe]]) -> Granularity:
    """Return what *line* has: pairs of the serial probe and Ray's, of the same length."""
    ideal = [ray.tasks / serial.tasks / cpus for serial, ray in line]
    return Granularity(
        cpus,
        tuple(median(serial.seconds) / serial.tasks for serial, _ in line),
        tuple(
            share * median(serial.seconds) / median(ray.seconds)
            for share, (serial, ray) in zip(ideal, line, strict=True)
        ),
        tuple(
            _efficiency(share, serial, ray)
            for share, (serial, ray) in zip(ideal, line, strict=True)
        ),
    )


def _efficiency(ideal: float, serial: Probe, ray: Probe) -> Interval | None:
    """Return the interval of the share of the *ideal* that Ray's tasks reach."""
    ends = median_interval(serial.seconds, 0.975), median_interval(ray.seconds, 0.975)
    if ends[0] is None or ends[1] is None:
        return None
    low, high = speed_up(ends[0], ends[1])
    return Interval(ideal * low, ideal * high)


def granularity(lines: Sequence[Granularity]) -> Chart | None:
    """Return efficiency against the length of a task; None where it was not measured."""
    if not lines:
        return None
    return chart(
        "granularity",
        "Efficiency against the length of a task",
        "Look where a line crosses 50 %: so long must a task be, METG(50 %), for Ray to make half "
        "of what the CPUs can give.",
        "; ".join(
            f"{count(line.cpus, 'CPU')}: "
            + ", ".join(
                f"{percent(share)} at {duration(length)}"
                for length, share in zip(line.lengths, line.efficiencies, strict=True)
            )
            for line in lines
        ),
        partial(_paint_granularity, lines=lines),
    )


def _paint_granularity(axes: Axes, lines: Sequence[Granularity]) -> None:
    # Ray's way of running is the same in all: what differs is the count, by marker and opacity.
    look = style("ray_per_row")
    for place, line in enumerate(lines):
        alpha = (place + 1) / len(lines)
        axes.plot(
            line.lengths,
            [share * 100 for share in line.efficiencies],
            color=look.colour,
            alpha=0.4 + 0.6 * alpha,
            marker="os^Dv"[place % 5],
            linestyle=("-", "--", "-.", ":")[place % 4],
            label=count(line.cpus, "CPU"),
        )
        if line.metg and line.metg > line.lengths[0]:
            axes.plot([line.metg] * 2, [0, 50], color=look.colour, linewidth=0.9, linestyle=":")
    axes.axhline(100, color=FAINT, linewidth=0.8, label="ideal")
    axes.axhline(50, color=FAINT, linewidth=0.8, linestyle=":")
    logarithmic(axes, "x", duration)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("length of a task")
    axes.set_ylabel("per cent of the ideal")
    axes.legend()
