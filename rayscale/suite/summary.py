"""The summary after a run: per problem and size a table, the COST line, the figures read aloud."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, blocks
from rayscale.suite.gain import Gain, cost, fastest, gain
from rayscale.text import count, digits, duration, percent, printed

LEGEND = (
    "Cells: median time (n rounds), efficiency; below, speed-up over the serial case of the same "
    "kernel [95 % interval, in this launch]. '~': too few rounds for an interval. "
    "'-': not measured, or no serial case to compare with."
)


def render(records: Sequence[Mapping[str, Any]], width: int) -> str:
    """Return the summary of *records*, a saved run's ``benchmarks``, *width* characters wide."""
    parts: list[RenderableType] = []
    for block in blocks([MeasuredCase.from_record(record) for record in records]).values():
        parts += [_table(block), *footnotes(block), _cost_line(block), *_sentences(block), ""]
    return printed(*parts, LEGEND, width=width)


def _table(block: Sequence[MeasuredCase]) -> Table:
    """Return rows of kernel and implementation, columns of CPU counts."""
    shape = " x ".join(str(length) for length in block[0].shape)
    table = Table(
        title=f"{block[0].problem} {block[0].size} ({shape})", title_justify="left", box=box.SIMPLE
    )
    for heading in ("kernel", "implementation"):
        widest = max(len(getattr(case, heading)) for case in block)
        table.add_column(heading, min_width=max(widest, len(heading)), no_wrap=True)
    counts = sorted({case.cpus for case in block})
    for cpus in counts:
        table.add_column(count(cpus, "CPU"), justify="right", no_wrap=True)
    for kernel, implementation in dict.fromkeys((c.kernel, c.implementation) for c in block):
        row = {c.cpus: c for c in block if (c.kernel, c.implementation) == (kernel, implementation)}
        cells = [_cell(row[cpus], block) if cpus in row else "-" for cpus in counts]
        table.add_row(kernel, implementation, *cells)
    return table


def _cell(case: MeasuredCase, block: Sequence[MeasuredCase]) -> str:
    mark = "*" if case.oversubscribed else ""
    time = f"{duration(case.median)}{mark} (n={case.n})"
    if case.is_serial:
        return time
    over_serial = gain(case, block)
    if over_serial is None:
        return f"{time}\n-"
    speed = _ratio(over_serial.ratio, over_serial.interval)
    return f"{time}, {percent(over_serial.efficiency)}\n{speed}"


def _ratio(ratio: float, interval: Interval | None) -> str:
    """Return a ratio with its interval, such as 1.89x [1.87, 1.91]."""
    spread = f"[{digits(interval.low)}, {digits(interval.high)}]" if interval else "~"
    return f"{digits(ratio)}x {spread}"


def footnotes(block: Sequence[MeasuredCase]) -> Iterator[str]:
    """Return what a reader of the table must know: marks, and conditions that were not equal."""
    if any(case.oversubscribed for case in block):
        yield "* oversubscribed: more CPUs than this process may use"
    serial = {case.niceness for case in block if case.is_serial}
    ray = {case.niceness for case in block if not case.is_serial}
    if serial and ray and serial != ray:
        yield f"Unequal: serial cases ran at niceness {_all(serial)}, Ray's workers at {_all(ray)}."


def _all(numbers: set[int]) -> str:
    return " and ".join(str(number) for number in sorted(numbers))


def _cost_line(block: Sequence[MeasuredCase]) -> str:
    single = fastest([case for case in block if case.is_serial])
    parallel = fastest([case for case in block if not case.is_serial])
    if single is None or parallel is None:
        return f"COST: - (no {'Ray' if single else 'serial'} case was measured)"
    best = f"{single.kernel} on one CPU takes {duration(single.median)}"
    if enough := cost(block):
        took = f"{enough.kernel} {enough.implementation} takes {duration(enough.median)}"
        return f"COST: {count(enough.cpus, 'CPU')} ({took}; {best})"
    took = f"{_name(parallel)} {duration(parallel.median)}"
    return f"COST: never ({best}; the fastest Ray case, {took})"


def _name(case: MeasuredCase) -> str:
    return f"{case.kernel} {case.implementation} on {count(case.cpus, 'CPU')},"


def _sentences(block: Sequence[MeasuredCase]) -> Iterator[str]:
    """Read aloud what Ray gains for each kernel at the most CPUs, what a better kernel gains."""
    for kernel in dict.fromkeys(case.kernel for case in block if not case.is_serial):
        gains = _gains_at_most_cpus(kernel, block)
        if gains:
            yield f"{kernel}: {'; '.join(_read(one) for one in gains)}."
    single = fastest([case for case in block if case.is_serial])
    if single is None:
        return
    others = [case for case in block if not case.is_serial and case.kernel != single.kernel]
    rescued = fastest(others)
    if rescued and single.median < rescued.median:
        times = digits(rescued.median / single.median)
        yield (
            f"The {single.kernel} kernel on one CPU is {times}x as fast as {_name(rescued)} "
            "the best that Ray makes of another kernel: choose the kernel first."
        )


def _gains_at_most_cpus(kernel: str, block: Sequence[MeasuredCase]) -> list[Gain]:
    """Return the gain of each implementation at its highest CPU count, best first."""
    highest = {
        case.implementation: case
        for case in sorted(block, key=lambda case: case.cpus)
        if case.kernel == kernel and not case.is_serial
    }
    gains = [one for case in highest.values() if (one := gain(case, block))]
    return sorted(gains, key=lambda one: -one.ratio)


def _read(over_serial: Gain) -> str:
    """Return the gain, the loss or neither in words, with its interval."""
    case, ratio, bounds = over_serial.case, over_serial.ratio, over_serial.interval
    where = f"{case.implementation} on {count(case.cpus, 'CPU')}"
    # Three rounds of naps allow no interval; what is within 5 % is then not called a difference.
    low, high = bounds or (ratio / 1.05, ratio * 1.05)
    if low <= 1 <= high:
        return f"{where} is neither faster nor slower, {_ratio(ratio, bounds)}"
    if ratio > 1:
        return f"{where} is {_ratio(ratio, bounds)} as fast as serial"
    longer = Interval(1 / bounds.high, 1 / bounds.low) if bounds else None
    return f"{where} takes {_ratio(1 / ratio, longer)} as long as serial"
