"""The tables of a report: machine, speed-ups, laws, and Ray's cost beside what was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rayscale.measured import Timing, blocks
from rayscale.report.costs import MIB, Fitted, Prediction, RayCosts, misfit, seconds_of
from rayscale.report.granularity import Granularity
from rayscale.report.subject import Subject
from rayscale.saved.launches import Launch
from rayscale.suite import laws
from rayscale.suite.gain import Block, Gain, gain
from rayscale.suite.laws import Estimate, LawError
from rayscale.suite.sentences import marked, sizes_of
from rayscale.text import count, digits, duration, percent, plural


@dataclass(frozen=True)
class Table:
    """Rows of words under headings; the first column names the row."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1  # how many columns, from the left, hold words and no numbers


def machine(launches: Sequence[Launch]) -> Table:
    """Return what the run was made on: hardware and versions, with all values where they differ."""
    fields: dict[str, dict[str, None]] = {}
    for launch in launches:
        for field, value in (launch.hardware | launch.software).items():
            fields.setdefault(field.replace("_", " "), {})[str(value)] = None
    first = launches[0]
    moments = dict.fromkeys(f"{one.when:%Y-%m-%d %H:%M} UTC" for one in (first, launches[-1]))
    shown = {
        "run": f"{first.name}, {count(len(launches), 'launch')}",
        "revision": " or ".join(dict.fromkeys(launch.revision for launch in launches)),
        "measured": " to ".join(moments),
        **{field: " or ".join(values) for field, values in fields.items()},
    }
    return Table("Machine and versions", ("", "value"), tuple(shown.items()), words=2)


def speed_ups(block: Block, unit: str) -> Table:
    """Return each case of a problem and size with its time, speed-up and efficiency."""
    median = f"median (n {plural(unit)})"
    return Table(
        f"{block[0].problem} {sizes_of(block[0])}",
        ("kernel", "implementation", "CPUs", median, "speed-up [95 %]", "efficiency"),
        tuple(
            (
                *(case.kernel, case.implementation, str(case.cpus)),
                f"{duration(case.median)}{marked(case)} (n={case.n})",
                *_gained(None if case.is_serial else gain(case, block)),
            )
            for case in block
        ),
        words=2,
    )


def _gained(over_serial: Gain | None) -> tuple[str, str]:
    if over_serial is None:
        return "-", "-"
    return over_serial.ratio.figure, percent(over_serial.efficiency.value)


def timings(others: Sequence[Timing]) -> Table:
    """Return what was timed and is not a case of a kernel."""
    return Table(
        "Other timings",
        ("test", "median", "n"),
        tuple((one.name, duration(one.median), str(one.n)) for one in others),
    )


def metg(lines: Sequence[Granularity]) -> Table:
    """Return how long a task must be, a row for each way of running: the shortest first."""
    cpus = sorted({line.cpus for line in lines})
    found = {(line.placed, line.cpus): line for line in lines}
    ways = sorted(
        dict.fromkeys(line.placed for line in lines), key=lambda way: _shortest(way, lines)
    )
    return Table(
        "How long a task must be for half of the ideal, METG(50 %) [95 %]",
        ("way of running", *(count(number, "CPU") for number in cpus)),
        tuple((way, *(_metg(found.get((way, number))) for number in cpus)) for way in ways),
    )


def _shortest(way: str, lines: Sequence[Granularity]) -> float:
    """Return by what a way is sorted: how long a task must be on the most CPUs, as far as known."""
    most = max((line for line in lines if line.placed == way), key=lambda line: line.cpus)
    if estimate := most.metg:
        return estimate.value
    found = most.crossing
    return most.lengths[found.above] if found and found.above is not None else math.inf


def _metg(line: Granularity | None) -> str:
    if line is None:
        return "-"
    return line.known or f"cannot be told: {line.doubt}"


def ray_costs(costs: Sequence[RayCosts]) -> Table:
    """Return the cost model's terms, and how far it misses the calls that it was fitted to.

    A line for each side of the network, where the run says on which its CPUs were.
    """
    placed = any(one.where.kind for one in costs)
    rows = [
        (str(one.cpus), *([one.where.label or "-"] if placed else []), objects, *_terms(cost))
        for one in costs
        for objects, cost in (("up to 100 KiB", one.inline), ("above", one.stored))
    ]
    return Table(
        "What Ray costs, fitted to calls that do nothing else",
        (
            *("CPUs", *(["where"] if placed else []), "objects"),
            *("per call [95 %]", "per task [95 %]", "per MiB moved [95 %]"),
            *("calls", "largest miss"),
        ),
        tuple(rows),
        words=3 if placed else 2,
    )


def _terms(cost: Fitted) -> tuple[str, ...]:
    """Return the terms, with intervals only where the model holds: they take it for true."""
    if isinstance(cost, LawError):
        return str(cost), "-", "-", "-", "-"
    shown = seconds_of if cost.holds else _bare
    call = shown(cost.call) if cost.call else "-"
    miss = f"{digits(cost.misfit)}x" if cost.holds else misfit(cost)
    return call, shown(cost.task), shown(cost.byte, MIB), str(cost.calls), miss


def _bare(estimate: Estimate, factor: float = 1.0) -> str:
    return f"{duration(estimate.value * factor)} ~"


def predictions(title: str, found: Sequence[Prediction]) -> Table:
    """Return what the cost model says of each Ray case beside what was measured."""
    return Table(
        f"Does that explain it? {title}",
        (
            *("case", "tasks", "moved", "work / CPUs", "+ Ray's cost", "measured"),
            "measured / predicted",
        ),
        tuple(_prediction(one) for one in found),
    )


def _prediction(one: Prediction) -> tuple[str, ...]:
    return (
        one.case.name,
        f"{one.case.tasks:,}",
        f"{one.case.bytes_moved / MIB:,.2f} MiB",
        duration(one.work),
        duration(one.predicted),
        f"{duration(one.case.median)}{marked(one.case)}",
        digits(one.missed) if one.predicted > 0 else "-",
    )


def scaling_laws(subject: Subject) -> Table:
    """Return what the laws of scaling say of each line of speed-ups, or why they cannot."""
    lines = _scaling_lines(subject)
    return Table(
        "Laws of scaling",
        (
            "line",
            "serial fraction by Karp and Flatt [95 %]",
            "Amdahl's law [95 %]",
            "Universal Scalability Law [95 %]",
        ),
        tuple((" ".join(key), *_laws(line)) for key, line in lines.items()),
        words=4,
    )


def _scaling_lines(subject: Subject) -> dict[tuple[str, ...], list[Gain]]:
    """Return the speed-ups of each way that more CPUs could help, with fewest CPUs first."""
    lines: dict[tuple[str, ...], list[Gain]] = {}
    for block in blocks(subject.cases):
        for case in sorted(block, key=lambda case: case.cpus):
            over_serial = None if case.is_serial or case.oversubscribed else gain(case, block)
            if over_serial:
                key = case.problem, case.kernel, case.implementation, case.placed_size
                lines.setdefault(key, []).append(over_serial)
    return {key: line for key, line in lines.items() if line[-1].case.cpus > 1}


def _laws(line: Sequence[Gain]) -> tuple[str, str, str]:
    cpus, ratios = [one.case.cpus for one in line], [one.ratio.value for one in line]
    metric = ", ".join(_karp_flatt(one) for one in line if one.case.cpus > 1)
    return metric, _amdahl(cpus, ratios), _usl(cpus, ratios)


def _karp_flatt(over_serial: Gain) -> str:
    at, ratio = f"at {count(over_serial.case.cpus, 'CPU')}", over_serial.ratio
    if ratio.answer == "slower":
        return f"no speed-up {at}"
    value = laws.karp_flatt(over_serial.case.cpus, ratio.value)
    if ratio.interval is None:
        return f"{value:.3g} ~ {at}"
    high, low = (laws.karp_flatt(over_serial.case.cpus, bound) for bound in ratio.interval)
    return f"{value:.3g} [{low:.3g}, {high:.3g}] {at}"


def _amdahl(cpus: Sequence[int], ratios: Sequence[float]) -> str:
    try:
        return _plain(laws.amdahl(cpus, ratios))
    except LawError as error:
        return str(error)


def _usl(cpus: Sequence[int], ratios: Sequence[float]) -> str:
    try:
        law = laws.universal_scalability(cpus, ratios)
    except LawError as error:
        return str(error)
    return f"contention {_plain(law.contention)}, coherency {_plain(law.coherency)}"


def _plain(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} [{estimate.interval.low:.3g}, {estimate.interval.high:.3g}]"
