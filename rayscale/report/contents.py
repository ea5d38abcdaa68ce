"""What stands in a report, top to bottom; how it looks is the page's business."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rayscale.measured import Timing, blocks
from rayscale.report import (
    bandwidth,
    costs,
    fastest,
    feeding_rate,
    foresight,
    granularity,
    lengths,
    network,
    over_time,
    pairs,
    rllib,
    rows,
    scaling,
    tables,
)
from rayscale.report.answers import NOTHING, answers
from rayscale.report.bandwidth import Need
from rayscale.report.bases import UnpredictableError, bases
from rayscale.report.costs import RayCosts
from rayscale.report.drawing import Chart, Palette, palette
from rayscale.report.granularity import Granularity
from rayscale.report.network import Network
from rayscale.report.phases import phases
from rayscale.report.section import Report, Section
from rayscale.report.spread import spread
from rayscale.report.subject import Subject, with_probes
from rayscale.saved.history import CaseHistory, histories
from rayscale.saved.launches import Launch, noted
from rayscale.suite.sentences import MARKS_NOTE, footnotes, noise
from rayscale.text import count

INTERVALS_NOTE = {
    "round": "Intervals are of this launch alone. The next one, in another process, can differ by "
    "some per cent. They hold for any distribution of independent rounds.",
    "launch": "Each launch counts once, with its median: intervals hold from launch to launch, for "
    "any distribution of independent launches.",
}
PREDICTION_NOTE = (
    "Predicted is the serial time divided by the CPUs, and what Ray costs for the call, for each "
    "task and for each byte. It is fitted apart for objects of up to 100 KiB, which Ray sends with "
    "its messages, and for larger ones. Half of what a task moves is taken to go in, and half to "
    "come out. 'Largest miss' is the largest factor between the model and a call that it was "
    "fitted to: where that is above 1.25x, the model is wrong, and no interval is shown. Where "
    "measured is far above predicted, something else is lost."
)


@dataclass(frozen=True)
class Overhead:
    """What is known of Ray's own cost, and from which run, if it is another one."""

    lines: tuple[Granularity, ...] = ()
    costs: tuple[RayCosts, ...] = ()
    networks: tuple[Network, ...] = ()
    needs: tuple[Need, ...] = ()  # of bandwidth
    source: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is known, each sentence with its source."""
        said = (
            *granularity.sentences(self.lines),
            *costs.sentences(self.costs),
            *network.sentences(self.networks),
            *bandwidth.sentences(self.needs),
        )
        return tuple(f"{one} {self.source}".rstrip() for one in said)


def contents(
    subject: Subject,
    history: Sequence[Launch],
    faults: Sequence[str] = (),
    machine: Sequence[Launch] = (),
) -> Report:
    """Return the report on *subject*, with its cases in the launches of its *history*.

    *faults* say which files could not be read for it.  The other runs of its *machine* are looked
    at for probes, if it has none itself.
    """
    kept, cases = [*history, *machine], histories(history)
    probed = with_probes(subject, kept)
    overhead = _overhead(subject, probed, kept)
    looks = _looks(subject, cases)
    sections = (
        Section("Machine", tuple(_gaps(subject, faults)), (tables.machine(subject.launches),)),
        fastest.section(subject.cases, subject.failed),
        _gains(subject, looks),
        *pairs.sections(subject.cases),
        *lengths.sections(subject.cases, looks),
        rllib.section(subject.rllib),
        _charts("Time against size", scaling.times_by_size(subject.cases, looks)),
        _charts("Where the time goes", _phases(subject)),
        _granularity(overhead),
        _feeding(subject, probed),
        _costs(subject, overhead),
        _network(overhead),
        _predicted(subject, overhead, kept, looks),
        _laws(subject),
        _charts("Spread", _spreads(subject)),
        _charts("History", over_time.charts(cases, over_time.verdicts(history), looks)),
        _others(subject),
    )
    first = subject.launches[0]
    return Report(
        f"Is it worth Ray? {first.name}, {first.when:%Y-%m-%d}",
        (*_answers(subject), *overhead.sentences) or (NOTHING,),
        tuple(one for one in sections if one.tables or one.charts),
    )


def _answers(subject: Subject) -> Iterator[str]:
    """Return what the cases say, with how long a row must be where it has a name of its own."""
    yield from answers(subject.cases, subject.failed)
    yield from rows.answers(subject.cases)
    yield from rllib.sentences(subject.rllib)


def _overhead(subject: Subject, probed: Subject | None, kept: Sequence[Launch]) -> Overhead:
    """Return what the probes of *probed* say: the subject, or another run of its machine."""
    if probed is None:
        return Overhead()
    networks = tuple(network.networks(probed.fair_probes))
    return Overhead(
        tuple(granularity.granularities(probed.fair_probes)),
        tuple(costs.fitted(probed.fair_probes)),
        networks,
        tuple(_needs(subject, kept)) if networks else (),
        _source(subject, probed),
    )


def _needs(subject: Subject, kept: Sequence[Launch]) -> Sequence[Need]:
    """Return what bandwidth the cases of *subject* need, where something can be predicted.

    Of noisy cases, too: what others do makes the intervals wider.
    """
    try:
        return bandwidth.needs(bases(subject, kept, noisy=True).lines)
    except UnpredictableError:
        return ()


def _source(subject: Subject, probed: Subject) -> str:
    """Return of which run the probes are, where they are not the *subject's* own."""
    if probed is subject:
        return ""
    run = probed.launches[0]
    ray = run.software.get("ray", "an unknown version")
    return f"(Probes of run {run.name}, {run.when:%Y-%m-%d}, Ray {ray}.)"


def _looks(subject: Subject, cases: Iterable[CaseHistory]) -> Palette:
    """Return one style for each way of running, for all charts."""
    before = (one.case.implementation for one in cases)
    ways = [*(case.implementation for case in subject.cases), *before]
    return palette(way for way in ways if way)


def _gaps(subject: Subject, faults: Sequence[str]) -> Iterator[str]:
    """Return what is not in the report, and what was noted of the machine, in sentences."""
    if subject.failed:
        yield f"These tests failed and are not in this report: {', '.join(subject.failed)}."
    if subject.dropped:
        names = ", ".join(subject.dropped)
        yield f"These are not in all launches, and so not in this report: {names}."
    for word, sentence in noted(subject.launches).items():
        yield f"Noted before: {word}, {sentence}."
    if probes := sum(one.is_noisy for one in subject.probes):
        yield (
            f"{count(probes, 'probe')} of Ray's own cost ran while other programs used CPUs that "
            "it needed, or the host or a quota took them away. METG and Ray's cost may be too high."
        )
    yield from subject.notes
    for fault in faults:
        yield f"Not in the history: {fault}."


def _charts(heading: str, charts: Iterable[Chart]) -> Section:
    return Section(heading, charts=tuple(charts))


def _gains(subject: Subject, looks: Palette) -> Section:
    by_block = blocks(subject.cases)
    notes = dict.fromkeys(note for block in by_block for note in footnotes(block))
    return Section(
        "What Ray gained",
        (f"{INTERVALS_NOTE[subject.unit]} {MARKS_NOTE}", *notes),
        tuple(tables.speed_ups(block, subject.unit) for block in by_block),
        tuple(
            chart for block in by_block for chart in scaling.speed_ups(block, subject.cores, looks)
        ),
    )


def _phases(subject: Subject) -> Iterator[Chart]:
    for block in blocks(subject.cases):
        if chart := phases(block):
            yield chart


def _granularity(overhead: Overhead) -> Section:
    chart = lengths.granularity(overhead.lines)
    return Section(
        "How long must a task be?",
        (overhead.source,) if overhead.source else (),
        tables=(tables.metg(overhead.lines),) if overhead.lines else (),
        charts=(chart,) if chart else (),
    )


def _feeding(subject: Subject, probed: Subject | None) -> Section:
    """Return how many CPUs one driver feeds: empty tasks and naps need no core of their own."""
    if probed is None:
        return Section("")
    return feeding_rate.section(probed.probes, subject.cases, _source(subject, probed))


def _costs(subject: Subject, overhead: Overhead) -> Section:
    if not overhead.costs:
        return Section("")
    predicted = [
        tables.predictions(f"{block[0].problem} {block[0].placed_size}", found)
        for block in blocks(subject.cases)
        if (found := costs.predictions(block, overhead.costs))
    ]
    return Section(
        "Does Ray's cost explain the loss?",
        (f"{PREDICTION_NOTE} {overhead.source}".rstrip(),),
        (tables.ray_costs(overhead.costs), *predicted),
    )


def _network(overhead: Overhead) -> Section:
    """Return what the network costs and which cut pays; of a single machine, nothing."""
    if not overhead.networks:
        return Section("")
    tables = [network.table(overhead.networks)]
    notes = [f"{network.NOTE} {overhead.source}".rstrip()]
    if overhead.needs:
        tables.append(bandwidth.table(overhead.needs))
        notes.append(bandwidth.NOTE)
    return Section("What does the network cost?", tuple(notes), tuple(tables))


def _predicted(
    subject: Subject, overhead: Overhead, kept: Sequence[Launch], looks: Palette
) -> Section:
    """Return what more CPUs would bring; without probes nothing is known of it."""
    if not overhead.costs:
        return Section("")
    each = {one.file: one for one in kept}  # the history may be of the machine's runs
    return foresight.section(subject, list(each.values()), looks)


def _laws(subject: Subject) -> Section:
    table = tables.scaling_laws(subject)
    return Section("Laws of scaling", tables=(table,) if table.rows else ())


def _spreads(subject: Subject) -> Iterator[Chart]:
    for block in blocks(subject.cases):
        own = [Timing(case.name, case.seconds, case.n) for case in block]
        if chart := spread(f"{block[0].problem} {block[0].placed_size}", own, subject.unit):
            yield replace(chart, caption=chart.caption + noise(block))
    if chart := spread("other timings", subject.others, subject.unit):
        yield chart


def _others(subject: Subject) -> Section:
    if not subject.others:
        return Section("")
    return Section("Other timings", tables=(tables.timings(subject.others),))
