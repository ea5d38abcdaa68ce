"""The tables of a report: machine, speed-ups, laws, and Ray's cost beside what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, blocks
from rayscale.report.phases import name
from rayscale.report.scaling import Granularity
from rayscale.report.subject import Probe, Subject, Timing
from rayscale.saved.launches import Launch
from rayscale.suite import laws
from rayscale.suite.gain import Gain, gain
from rayscale.suite.laws import Cost, Estimate, LawError, Work
from rayscale.text import count, digits, duration, percent, plural

Block = Sequence[MeasuredCase]


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
    told = {
        "run": f"{first.name}, {count(len(launches), 'launch')}",
        "revision": " or ".join(dict.fromkeys(launch.revision for launch in launches)),
        "measured": " to ".join(moments),
        **{field: " or ".join(values) for field, values in fields.items()},
    }
    return Table("Machine and versions", ("", "value"), tuple(told.items()), words=2)


def speed_ups(block: Block, unit: str) -> Table:
    """Return each case of a problem and size with its time, speed-up and efficiency."""
    return Table(
        f"{block[0].problem} {block[0].size} ({' x '.join(map(str, block[0].shape)) or '-'})",
        (
            "kernel",
            "implementation",
            "CPUs",
            f"median (n {plural(unit)})",
            "speed-up [95 %]",
            "efficiency",
        ),
        tuple(_speed_up(case, block) for case in block),
        words=2,
    )


def _speed_up(case: MeasuredCase, block: Block) -> tuple[str, ...]:
    mark = "*" if case.oversubscribed else ""
    time = f"{duration(case.median)}{mark} (n={case.n})"
    over_serial = None if case.is_serial else gain(case, block)
    ratio = ratio_of(over_serial.ratio, over_serial.interval) if over_serial else "-"
    efficiency = percent(over_serial.efficiency) if over_serial else "-"
    return case.kernel, case.implementation, str(case.cpus), time, ratio, efficiency


def ratio_of(ratio: float, interval: Interval | None) -> str:
    """Return a ratio with its interval, such as 1.89x [1.87, 1.91]."""
    spread = f"[{digits(interval.low)}, {digits(interval.high)}]" if interval else "~"
    return f"{digits(ratio)}x {spread}"


def timings(others: Sequence[Timing]) -> Table:
    """Return what was timed and is no case of a kernel."""
    return Table(
        "Other timings",
        ("test", "median", "n"),
        tuple((one.name, duration(median(one.seconds)), str(one.rounds)) for one in others),
    )


def metg(lines: Sequence[Granularity]) -> Table:
    """Return how long a task must be."""
    return Table(
        "How long a task must be, METG(50 %)",
        ("CPUs", "for half of the ideal [95 %]"),
        tuple((str(line.cpus), str(line)) for line in lines),
    )


def costs(probes: Sequence[Probe]) -> dict[int, Cost | LawError]:
    """Return what a task and a byte cost, by CPU count, or why that cannot be told."""
    moved = [one for one in probes if one.name != "task_length"]
    found: dict[int, Cost | LawError] = {}
    for cpus in sorted({one.cpus for one in moved}):
        observed = [
            Work(one.tasks, one.bytes_moved, median(one.seconds))
            for one in moved
            if one.cpus == cpus
        ]
        try:
            found[cpus] = laws.ray_cost(observed)
        except LawError as error:
            found[cpus] = error
    return found


def ray_costs(found: dict[int, Cost | LawError]) -> Table:
    """Return the cost model's terms."""
    return Table(
        "What Ray costs, fitted to calls that do nothing else",
        ("CPUs", "per task [95 %]", "per MiB moved [95 %]"),
        tuple(
            (str(cpus), str(cost), "-")
            if isinstance(cost, LawError)
            else (str(cpus), seconds_of(cost.task), seconds_of(cost.byte, 2**20))
            for cpus, cost in found.items()
        ),
    )


def seconds_of(estimate: Estimate, factor: float = 1.0) -> str:
    """Return an estimate of seconds, times *factor*, with its interval; nothing is below 0."""
    low, high = (duration(max(0.0, bound * factor)) for bound in estimate.interval)
    return f"{duration(max(0.0, estimate.value * factor))} [{low}, {high}]"


def predictions(block: Block, found: dict[int, Cost | LawError]) -> Table | None:
    """Return what the cost model says of each Ray case beside what was measured."""
    rows = tuple(_predictions(block, found))
    if not rows:
        return None
    return Table(
        f"Does that explain it? {block[0].problem} {block[0].size}",
        (
            "case",
            "tasks",
            "moved",
            "work / CPUs",
            "+ Ray's cost",
            "measured",
            "measured / predicted",
        ),
        rows,
    )


def _predictions(block: Block, found: dict[int, Cost | LawError]) -> Iterator[tuple[str, ...]]:
    serial = {case.kernel: case.median for case in block if case.is_serial}
    for case in block:
        cost = found.get(case.cpus)
        told = case.tasks and case.bytes_moved and case.kernel in serial
        if case.is_serial or not told or not isinstance(cost, Cost):
            continue
        work = serial[case.kernel] / min(case.cpus, case.tasks)
        predicted = cost.predict(serial[case.kernel], case.tasks, case.bytes_moved, case.cpus)
        yield (
            name(case),
            f"{case.tasks:,}",
            f"{case.bytes_moved / 2**20:,.2f} MiB",
            duration(work),
            duration(predicted),
            duration(case.median),
            digits(case.median / predicted),
        )


def scaling_laws(subject: Subject) -> Table:
    """Return what the laws of scaling say of each line of speed-ups, or why they cannot."""
    lines: dict[tuple[str, ...], list[Gain]] = {}
    for block in blocks(subject.cases).values():
        for case in block:
            over_serial = None if case.is_serial else gain(case, block)
            fair = not case.oversubscribed and case.implementation != "ray_whole"
            if over_serial and fair:
                key = case.problem, case.kernel, case.implementation, case.size
                lines.setdefault(key, []).append(over_serial)
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


def _laws(line: Sequence[Gain]) -> tuple[str, str, str]:
    ordered = sorted(line, key=lambda one: one.case.cpus)
    cpus, ratios = [one.case.cpus for one in ordered], [one.ratio for one in ordered]
    metric = ", ".join(_karp_flatt(one) for one in ordered if one.case.cpus > 1)
    return metric or "needs 2 CPUs or more", _amdahl(cpus, ratios), _usl(cpus, ratios)


def _karp_flatt(over_serial: Gain) -> str:
    cpus = over_serial.case.cpus
    if over_serial.ratio <= 1:
        return f"no speed-up at {count(cpus, 'CPU')}"
    value = laws.karp_flatt(cpus, over_serial.ratio)
    spread = "~"
    if bounds := over_serial.interval:
        low, high = laws.karp_flatt(cpus, bounds.high), laws.karp_flatt(cpus, bounds.low)
        spread = f"[{low:.3g}, {high:.3g}]"
    return f"{value:.3g} {spread} at {count(cpus, 'CPU')}"


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
