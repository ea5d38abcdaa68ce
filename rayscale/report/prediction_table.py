"""Predictions, shown: a sentence for each kernel, a table, and what they rest on."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from rayscale.inert import markdown
from rayscale.report.bases import Bases
from rayscale.report.prediction import ENOUGH, MOST, Line, Predicted, Source
from rayscale.saved.comparison_table import Format
from rayscale.text import count, digits, printed, share

HEADINGS = ("case", "way of running", "limited by", "rows", "CPUs", "tasks", "speed-up [95 %] (n)")
WORDS = ("case", "way of running", "limited by")  # the columns without numbers
IN_WORDS = {"ray_whole": "in one task", "ray_per_row": "per row", "ray_blocks": "in blocks"}
NOTE = (
    "An interval is one of prediction: 95 of 100 are to hold the speed-up that another launch "
    "would measure on this machine or, beyond its cores, on one whose cores stay as fast when all "
    "work."
)


@dataclass(frozen=True)
class Asked:
    """What is to be predicted: of each line, on so many CPUs, with so many rows."""

    cpus: tuple[int, ...]
    rows: tuple[int, ...]  # none: as many as were measured

    def of(self, line: Line) -> Iterator[Predicted]:
        """Return what is predicted of *line*."""
        for rows in self.rows or (line.rows,):
            yield from (line.at(cpus, rows) for cpus in self.cpus)


def kernels(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines of each kernel, of one problem and size, and of one place, together."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.name, []).append(line)
    return list(found.values())


def sentences(found: Bases, asked: Asked) -> Iterator[str]:
    """Return for each kernel what the most CPUs would bring, and how to cut."""
    for lines in kernels(found.lines):
        for rows in asked.rows or (lines[0].rows,):
            yield from _of_kernel(lines, max(asked.cpus), rows)


def _of_kernel(lines: Sequence[Line], cpus: int, rows: int) -> Iterator[str]:
    first = lines[0]
    where = f"{first.name}, {rows:,} {'row' if rows == 1 else 'rows'}"
    predicted = sorted((line.at(cpus, rows) for line in lines), key=lambda one: -one.ratio.value)
    beyond = cpus > first.source.cores and not any(line.waits for line in lines)
    shared = "cores and network stay" if first.source.away else "cores stay"
    condition = f", if {shared} as fast when all work" if beyond else ""
    said = [_said(one) for one in predicted]
    makes = f"{count(cpus, 'CPU')} would make it"
    yield f"{where}: {makes} {_joined(said)}{_feeding(predicted)}{condition}."
    yield f"{where}: {_best(predicted)}; {_enough(lines, predicted[0].way, rows)}."


def _said(one: Predicted) -> str:
    """Return what a way would gain: at most its upper end, where the driver limits it."""
    how = IN_WORDS.get(one.way, one.way)
    if one.is_fed_slowly and one.ratio.interval:
        return f"no more than {digits(one.ratio.interval.high)}x {how}"
    return f"{one.ratio.figure} {how}"


def _joined(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _feeding(predicted: Sequence[Predicted]) -> str:
    slow = [one for one in predicted if one.is_fed_slowly]
    if not slow:
        return ""
    most = max(one.tasks_a_second for one in slow)
    return f": the driver cannot feed more than {_round(most):,} tasks a second"


def _round(number: float) -> int:
    """Return *number* with two digits.

    >>> _round(1876.0), _round(7.4)
    (1900, 7)
    """
    return round(number) if number < 100 else round(float(f"{number:.1e}"))


def _best(predicted: Sequence[Predicted]) -> str:
    """Return which cut is best: those that no other one is certainly ahead of."""
    first, *others = predicted
    rivals = [one for one in others if not first.is_ahead(one)]
    ways = " or ".join(IN_WORDS.get(one.way, one.way) for one in (first, *rivals))
    return f"the best cut is {ways}" + (", which cannot be told apart" if rivals else "")


def _enough(lines: Sequence[Line], way: str, rows: int) -> str:
    line = next(line for line in lines if line.way == way)
    how, number = IN_WORDS.get(way, way), line.enough(rows)
    if number is None:
        return f"{how}, more CPUs help up to {MOST:,} and beyond"
    less = f"another one brings less than {share(ENOUGH)} of a CPU"
    return f"{how}, from {count(number, 'CPU')} on {less}"


def rest_on(found: Bases) -> Iterator[str]:
    """Return what the intervals are of, what they rest on, and what is not predicted."""
    yield NOTE
    places = {line.where.key: line for line in found.lines}
    for line in places.values():
        yield from _rest_on(line.source, line.where.label)
    yield from map(str, found.refused)


def _rest_on(source: Source, place: str) -> Iterator[str]:
    there = f" with CPUs {place}" if place else ""
    yield (
        f"The model missed this run's cases and probes{there} by "
        f"{100 * source.misses.deviation:.0f} % (a standard deviation); that of speed-ups between "
        f"launches is {source.between.words}."
    )
    if source.load:
        yield (
            f"Other programs used up to {digits(source.load)} of {count(source.cores, 'CPU')} "
            "while the cases were timed, and may do so again: the intervals are wider for it."
        )


def rows(found: Bases, asked: Asked) -> Iterator[tuple[str, ...]]:
    """Return the lines of the table: of each kernel the best way first."""
    for lines in kernels(found.lines):
        each = [(line, one) for line in lines for one in asked.of(line)]
        for line, one in sorted(
            each, key=lambda pair: (pair[1].rows, pair[1].cpus, -pair[1].ratio.value)
        ):
            yield (
                *(line.name, one.way, one.limit, f"{one.rows:,}", f"{one.cpus:,}"),
                *(f"{one.call.tasks:,}", str(one.ratio)),
            )


def render(found: Bases, asked: Asked, style: Format, width: int) -> str:
    """Return the sentences, the table and what they rest on."""
    if style == "json":
        return json.dumps(_figures(found, asked), indent=2) + "\n"
    above, below = list(sentences(found, asked)), list(rest_on(found))
    if style == "text":
        return printed(*above, _table(found, asked, box.SIMPLE, str), *below, width=width)
    table = _table(found, asked, box.MARKDOWN, markdown)
    parts = ("\n\n".join(map(markdown, lines)) for lines in (above, below))
    return printed(next(parts), table, next(parts), width=10_000)


def _table(found: Bases, asked: Asked, style: box.Box, said: Callable[[str], str]) -> Table:
    table = Table(box=style)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in WORDS else "right", no_wrap=True)
    for row in rows(found, asked):
        table.add_row(*map(said, row))
    return table


def _figures(found: Bases, asked: Asked) -> dict[str, Any]:
    source = found.lines[0].source
    return {
        "sentences": list(sentences(found, asked)),
        "cores": source.cores,
        "miss": source.misses.deviation,
        "between_launches": source.between.deviation,
        "launches": source.between.launches,
        "load": source.load,
        "predictions": [_figure(line, one) for line in found.lines for one in asked.of(line)],
        "not_predicted": list(map(str, found.refused)),
    }


def _figure(line: Line, one: Predicted) -> dict[str, Any]:
    interval = one.ratio.interval
    return {
        "problem": line.serial.problem,
        "kernel": line.serial.kernel,
        "size": line.serial.size,
        "where": line.where.label or None,
        "implementation": one.way,
        "rows": one.rows,
        "cpus": one.cpus,
        "tasks": one.call.tasks,
        "speed_up": one.ratio.value,
        "low": interval and interval.low,
        "high": interval and interval.high,
        "limit": one.limit,
        "tasks_a_second": one.tasks_a_second,
        "is_beyond_cores": one.cpus > line.source.cores and not line.waits,
        "enough_cpus": line.enough(one.rows),
    }
