"""The summary after a run: per problem and size a table, the COST line, the figures read aloud."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from rayscale.clocks import counts_waiting, timer_of, without_waiting
from rayscale.measured import MeasuredCase, blocks
from rayscale.suite.gain import Block, cost, gain
from rayscale.suite.sentences import (
    MARKS_NOTE,
    chosen,
    cost_in_words,
    footnotes,
    gained,
    in_pairs,
    marked,
    sizes_of,
)
from rayscale.text import count, duration, percent, printed

LEGEND = (
    "Cells: median time (n rounds), efficiency; below, speed-up over the serial case of the same "
    "kernel [95 % interval, in this launch]. The interval holds for any distribution of "
    "independent rounds. '-': not measured, or no serial case to compare with. COST: the fewest "
    f"CPUs on which a parallel case is faster than all serial ones. {MARKS_NOTE}"
)
IN_PAIRS = (
    "In pairs: each round of a way follows, or comes before, a round of the other one, as a coin "
    "says. 'times as fast' is the middle one of the pairs' ratios [95 % interval]."
)


def render(records: Sequence[Mapping[str, Any]], width: int, failed: Sequence[str] = ()) -> str:
    """Return the summary of *records*, a saved run's ``benchmarks``, *width* characters wide.

    *failed* are the ids of the cases that failed: they are named, and nothing is claimed that
    one of them could have changed.
    """
    parts: list[RenderableType] = []
    told, untold = _sorted_out(records)
    cases = [MeasuredCase.from_record(record) for record in told]
    for block in blocks(cases):
        parts += [_table(block), *_tables_of_pairs(block), *_lines(block, failed), ""]
    if failed:
        parts += [f"failed: {count(len(failed), 'case')}, not in this table: {', '.join(failed)}"]
    parts += list(_repeated(records))
    has_pairs = any(case.rival for case in cases)
    notes = [*([LEGEND] if cases else []), *([IN_PAIRS] if has_pairs else [])]
    return printed(*untold, *parts, *notes, width=width)


def _sorted_out(
    records: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the records whose times can be compared, and why others cannot, in sentences."""
    timers = [timer_of(**record.get("options", {})) for record in records]
    waiting = [one for one, timer in zip(records, timers, strict=True) if counts_waiting(timer)]
    told = [record for record in waiting if min(record["stats"]["data"]) > 0]
    untold = []
    if stopped := [timer for timer in timers if timer and not counts_waiting(timer)]:
        untold.append(f"{count(len(stopped), 'case')} not shown: {without_waiting(stopped)}.")
    if coarse := len(waiting) - len(told):
        untold.append(f"{count(coarse, 'case')} not shown: by this clock a round took no time.")
    return told, untold


def _repeated(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return a line for each case that was timed again, after faults of its surroundings."""
    for record in records:
        if reasons := record["extra_info"].get("repeated"):
            yield f"begun again: {record['fullname']}: {'; '.join(reasons)}"


def _lines(block: Block, failed: Sequence[str]) -> Iterator[str]:
    yield from footnotes(block)
    yield f"COST: {cost_in_words(cost(block, failed))}"
    for kernel in dict.fromkeys(case.kernel for case in block):
        if said := gained(kernel, block):
            yield f"{kernel}: {said}."
        yield from in_pairs(kernel, block)
    yield from chosen(block)


def _table(block: Block) -> Table:
    """Return rows of kernel and implementation, columns of CPU counts."""
    table = Table(
        title=f"{block[0].problem} {sizes_of(block[0])}", title_justify="left", box=box.SIMPLE
    )
    for heading in ("kernel", "implementation"):
        widest = max(len(getattr(case, heading)) for case in block)
        table.add_column(heading, min_width=max(widest, len(heading)), no_wrap=True)
    counts = sorted({case.cpus for case in block})
    for cpus in counts:
        table.add_column(count(cpus, "CPU"), justify="right", no_wrap=True)
    for kernel, implementation in _rows(block):
        row = {c.cpus: c for c in block if (c.kernel, c.implementation) == (kernel, implementation)}
        cells = [_cell(row[cpus], block) if cpus in row else "-" for cpus in counts]
        table.add_row(kernel, implementation, *cells)
    return table


def _rows(block: Block) -> list[tuple[str, str]]:
    """Return kernels and implementations, all those of a kernel together."""
    kernels = list(dict.fromkeys(case.kernel for case in block))
    rows = dict.fromkeys((case.kernel, case.implementation) for case in block)
    return sorted(rows, key=lambda row: kernels.index(row[0]))


def _tables_of_pairs(block: Block) -> Iterator[Table]:
    """Return a table for each way that others were timed in pairs with: a row for each of those."""
    for other in dict.fromkeys(case.rival.implementation for case in block if case.rival):
        title = f"In pairs with {other}"
        table = Table(title=title, title_justify="left", box=box.SIMPLE)
        for heading in ("kernel", "implementation"):
            table.add_column(heading, no_wrap=True)
        for heading in ("CPUs", "median", "times as fast", "pairs"):
            table.add_column(heading, justify="right", no_wrap=True)
        for case in block:
            if case.rival and case.rival.implementation == other:
                ratio, median = case.rival.ratio, f"{duration(case.median)}{marked(case)}"
                figures = str(case.cpus), median, ratio.figure, str(ratio.n)
                table.add_row(case.kernel, case.implementation, *figures)
        yield table


def _cell(case: MeasuredCase, block: Block) -> str:
    time = f"{duration(case.median)}{marked(case)} (n={case.n})"
    if case.is_serial:
        return time
    over_serial = gain(case, block)
    if over_serial is None:
        return f"{time}\n-"
    return f"{time}, {percent(over_serial.efficiency.value)}\n{over_serial.ratio.figure}"
