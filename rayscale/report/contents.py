"""What stands in a report, top to bottom; how it looks is the page's business."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayscale.measured import blocks
from rayscale.report import over_time, scaling, tables
from rayscale.report.answers import answers
from rayscale.report.drawing import Chart
from rayscale.report.phases import name, phases
from rayscale.report.spread import spread
from rayscale.report.subject import Subject, Timing
from rayscale.report.tables import Table
from rayscale.saved.history import histories
from rayscale.saved.launches import Launch
from rayscale.suite import summary
from rayscale.suite.laws import Cost, LawError

SPREAD_NOTE = {
    "round": "Intervals are of this launch alone: the next one, in another process, can lie some "
    "per cent beside them.",
    "launch": "Each launch counts once, with its median: intervals hold from launch to launch.",
}
PREDICTION_NOTE = (
    "Predicted is the serial time divided by the CPUs, and for each task and each byte what it "
    "costs. Where measured is far above predicted, something else is lost."
)


@dataclass(frozen=True)
class Section:
    """A part of a report, under a heading."""

    heading: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True)
class Report:
    """All of it."""

    title: str
    sentences: tuple[str, ...]
    sections: tuple[Section, ...]


def contents(subject: Subject, kept: Sequence[Launch], faults: Sequence[str] = ()) -> Report:
    """Return the report on *subject*, with the history of its cases in the *kept* launches.

    *faults* say which files could not be read for it.
    """
    first = subject.launches[0]
    cores = subject.cores
    fair = [one for one in subject.probes if cores is None or one.cpus <= cores]
    lines = scaling.granularities(fair)
    costs = tables.costs(fair)
    sections = (
        Section("Machine", tuple(_gaps(subject, faults)), (tables.machine(subject.launches),)),
        _gains(subject),
        _charts("Time against size", scaling.times_by_size(subject.cases)),
        _charts(
            "Where the time goes",
            (one for block in blocks(subject.cases).values() if (one := phases(block))),
        ),
        _granularity(lines),
        _costs(subject, costs),
        _laws(subject),
        _charts("Spread", _spreads(subject)),
        _charts("History", over_time.histories(histories(kept), over_time.verdicts(kept))),
        Section("Other timings", tables=(tables.timings(subject.others),))
        if subject.others
        else Section(""),
    )
    return Report(
        f"Is it worth Ray? {first.name}, {first.when:%Y-%m-%d}",
        answers(subject, lines, costs),
        tuple(one for one in sections if one.tables or one.charts),
    )


def _gaps(subject: Subject, faults: Sequence[str]) -> Iterator[str]:
    """Return what is not in the report, in sentences."""
    if subject.failed:
        yield f"Failed, and not in here: {', '.join(subject.failed)}."
    if subject.dropped:
        yield f"Not in all launches, and not in here: {', '.join(subject.dropped)}."
    for fault in faults:
        yield f"Not in the history: {fault}."


def _charts(heading: str, charts: Iterator[Chart]) -> Section:
    return Section(heading, charts=tuple(charts))


def _gains(subject: Subject) -> Section:
    by_block = blocks(subject.cases).values()
    notes = dict.fromkeys(note for block in by_block for note in summary.footnotes(block))
    return Section(
        "What Ray gained",
        (SPREAD_NOTE[subject.unit], *notes),
        tuple(tables.speed_ups(block, subject.unit) for block in by_block),
        tuple(chart for block in by_block for chart in scaling.speed_ups(block, subject.cores)),
    )


def _granularity(lines: Sequence[scaling.Granularity]) -> Section:
    chart = scaling.granularity(lines)
    return Section(
        "How long must a task be?",
        tables=(tables.metg(lines),) if lines else (),
        charts=(chart,) if chart else (),
    )


def _costs(subject: Subject, costs: dict[int, Cost | LawError]) -> Section:
    if not costs:
        return Section("")
    predicted = (tables.predictions(block, costs) for block in blocks(subject.cases).values())
    return Section(
        "Does Ray's cost explain the loss?",
        (PREDICTION_NOTE,),
        (tables.ray_costs(costs), *(one for one in predicted if one)),
    )


def _laws(subject: Subject) -> Section:
    table = tables.scaling_laws(subject)
    return Section("Laws of scaling", tables=(table,) if table.rows else ())


def _spreads(subject: Subject) -> Iterator[Chart]:
    for (problem, size), block in blocks(subject.cases).items():
        own = [Timing(name(case), case.seconds, case.n) for case in block]
        if chart := spread(f"{problem} {size}", own, subject.unit):
            yield chart
    if chart := spread("other timings", subject.others, subject.unit):
        yield chart
