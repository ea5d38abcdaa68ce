"""Which cases of a run others can be predicted from, and why not from the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rayscale.measured import MeasuredCase, blocks, largest
from rayscale.report.between import Between, between
from rayscale.report.costs import WAYS
from rayscale.report.prediction import Line, Misses, Source, missed_cases, missed_probes
from rayscale.report.subject import Subject, with_probes
from rayscale.report.tariff import FEWEST_ROUNDS, TASKS, TariffError, tariff
from rayscale.saved.launches import Launch
from rayscale.suite.gain import Block
from rayscale.text import count, digits
from rayscale.where import ANYWHERE, Kind

# Times as long as serially, or as short, may a row take in tasks.  On two busy cores it was up to
# 2.2 times; a vectorised kernel of 100 points a row takes 40 times as long row by row.
ALIKE = 3.0


Place = tuple[str, Kind]  # the key of a Where: what tasks cost there is not known of another
Sources = Mapping[Place, Source | TariffError]


class UnpredictableError(ValueError):
    """Nothing can be predicted from a run; the message says why."""


@dataclass(frozen=True)
class Refused:
    """A kernel's way of running that is not predicted, and why."""

    problem: str
    kernel: str
    way: str
    reason: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"Not predicted: {self.problem} {self.kernel} {self.way}: {self.reason}."


@dataclass(frozen=True)
class Bases:
    """What can be predicted, and what cannot."""

    lines: tuple[Line, ...]
    refused: tuple[Refused, ...]


def bases(subject: Subject, kept: Sequence[Launch], *, noisy: bool = False) -> Bases:
    """Return what can be predicted of the largest size of each problem in *subject*.

    Probes of another of the *kept* runs of its machine serve, too; *kept* also say how far launches
    differ.  *noisy*: cases are used that were timed while the machine was noisy.
    UnpredictableError where nothing can be predicted.
    """
    own = partial(_of_block, sources=_sources(subject, kept), noisy=noisy)
    tried = _each_once(one for block in blocks(subject.cases) for one in own(block))
    lines = [one for one in tried if isinstance(one, Line)]
    shown = _each_once(one for block in largest(subject.cases) for one in own(block))
    refused = tuple(one for one in shown if isinstance(one, Refused))
    if len(refused) == len(shown):
        raise UnpredictableError(_nothing(refused))
    predicted = [_with_misses(one, lines) for one in shown if isinstance(one, Line)]
    return Bases(tuple(predicted), refused)


def _each_once(found: Iterable[Line | Refused]) -> list[Line | Refused]:
    """Return what was *found* without what is in the blocks of two placements.

    Of a line that with the most cases.  CPUs of one node are there however they were to be placed.
    """
    kept: dict[object, Line | Refused] = {}
    for one in found:
        if isinstance(one, Refused):
            kept.setdefault(one, one)
            continue
        key = one.name, one.serial.process, one.way
        other = kept.get(key)
        if not isinstance(other, Line) or len(other.cases) < len(one.cases):
            kept[key] = one
    return list(kept.values())


def _with_misses(line: Line, lines: Sequence[Line]) -> Line:
    """Return *line* with how far the cases of all *lines* of its place are missed."""
    alike = (one for one in lines if one.where.key == line.where.key)
    cases = tuple(miss for one in alike for miss in missed_cases(one))
    misses = replace(line.source.misses, cases=cases)
    return replace(line, source=replace(line.source, misses=misses))


def _nothing(refused: Sequence[Refused]) -> str:
    """Return why nothing can be predicted: the first reason."""
    if not refused:
        return "nothing can be predicted: the run has no case on Ray beside a serial one"
    return f"nothing can be predicted. {refused[0]}".rstrip(".")


def _sources(subject: Subject, kept: Sequence[Launch]) -> Sources:
    """Return what Ray takes in each place, or why it is not known, and how far launches differ."""
    probed = with_probes(subject, kept)
    if probed is None:
        raise UnpredictableError(
            "nothing can be predicted: neither the run nor another one of its machine has overhead "
            "cases; `rayscale overhead` times them"
        )
    folder, software = subject.launches[0].folder, subject.launches[0].software
    alike = between([one for one in kept if (one.folder, one.software) == (folder, software)])
    tried: dict[Place, Source | TariffError] = {}
    for place in _places(probed):
        try:
            tried[place] = _source(place, subject, probed, alike)
        except TariffError as error:
            tried[place] = error
    errors = [one for one in tried.values() if isinstance(one, TariffError)]
    if len(errors) == len(tried):
        name = probed.launches[0].file
        raise UnpredictableError(f"nothing can be predicted from {name}: {errors[0]}")
    return tried


def _places(probed: Subject) -> list[Place]:
    """Return where the probes' CPUs were; serial ones are of the driver."""
    rays = [one for one in probed.probes if one.implementation == TASKS]
    return list(dict.fromkeys(one.where.key for one in rays or probed.probes))


def _source(place: Place, subject: Subject, probed: Subject, alike: Between) -> Source:
    """Return what Ray takes in a *place*; TariffError where the probes do not say it."""
    tasks = [one for one in probed.probes if one.implementation == TASKS]
    own = [one for one in tasks if one.where.key == place]
    cases = [one for one in subject.cases if one.where.key == place]
    cores = subject.cores or max(one.cpus for one in probed.probes)
    if place != ANYWHERE.key:  # then CPUs are not this machine's, or not all of them
        fair = (one.cpus for one in cases if not one.oversubscribed)
        cores = max(*(one.cpus for one in own), *fair, 1)
    costs = tariff([one for one in own if one.cpus <= cores])
    most = max((one for one in own if one.cpus == costs.most), key=lambda one: one.where.share)
    serial = [one for one in probed.probes if one.implementation != TASKS]
    shared = 1 if any(one.where.away for one in own) else cores
    misses = Misses(missed_probes([*serial, *own], costs, cores, shared), ())
    seen = (case.surroundings.outside or 0.0 for case in subject.cases if case.surroundings)
    load = max(seen, default=0.0)
    return Source(costs, cores, misses, alike, load, shared, most.where.share)


def _of_block(block: Block, sources: Sources, *, noisy: bool) -> Iterator[Line | Refused]:
    """Return what each way of each kernel of one problem and size can be predicted from.

    In a cluster, apart for each place of its CPUs.
    """
    parallel = [case for case in block if not case.is_serial]
    lines = dict.fromkeys((case.kernel, case.implementation, case.where.key) for case in parallel)
    for kernel, way, place in lines:
        serial = next((one for one in block if one.is_serial and one.kernel == kernel), None)
        line = [one for one in parallel if (one.kernel, one.implementation) == (kernel, way)]
        own = [one for one in line if one.where.key == place]
        fair = tuple(one for one in own if not one.oversubscribed)
        name = f"{way} {own[0].where.label}".rstrip()
        source = sources.get(place)
        if serial is None:
            yield Refused(block[0].problem, kernel, name, "its kernel has no serial case")
        elif reason := next(_reasons(serial, fair, noisy=noisy), None):
            yield Refused(block[0].problem, kernel, name, reason)
        elif isinstance(source, Source):
            yield Line(serial, fair, source)
        else:
            yield Refused(block[0].problem, kernel, name, _unknown(source))


def _unknown(source: TariffError | None) -> str:
    """Return why it is not known what tasks cost where a case's CPUs were."""
    if source is None:
        return "no overhead case had its CPUs there, and what tasks cost elsewhere may differ"
    return f"what tasks cost there is not known: {source}"


def _reasons(serial: MeasuredCase, fair: Sequence[MeasuredCase], *, noisy: bool) -> Iterator[str]:
    """Return why the cases of a way beside *serial* say nothing of others, if they do not."""
    if not fair:
        yield "all its cases are oversubscribed"
        return
    if fair[0].implementation not in WAYS:
        yield "it does not run as Ray's tasks, which is all that the overhead cases measure"
    if serial.rows is None or not all(case.tasks and case.rows == serial.rows for case in fair):
        yield "the run does not say how many rows and tasks it had"
    fewest = min((serial, *fair), key=lambda case: len(case.seconds))
    if len(fewest.seconds) < FEWEST_ROUNDS:
        rounds = count(len(fewest.seconds), "round")
        yield f"of {fewest.name} {rounds} are kept, and {FEWEST_ROUNDS} are needed"
    noisy_ones = [case for case in (serial, *fair) if case.is_noisy]
    if noisy_ones and not noisy:
        name = noisy_ones[0].name
        yield f"the machine was noisy while {name} was timed; --noisy predicts all the same"
    yield from (
        _differs(serial, case) for case in fair if not ALIKE > _work(serial, case) > 1 / ALIKE
    )


def _work(serial: MeasuredCase, case: MeasuredCase) -> float:
    """Return how many times as long as serially the work took in tasks; 1 where none was noted."""
    executing = (case.phases or {}).get("executing", 0.0) * min(case.cpus, case.tasks)
    return executing / serial.median or 1.0


def _differs(serial: MeasuredCase, case: MeasuredCase) -> str:
    return (
        f"the work per row differs with the block size: in {case.name} it took "
        f"{digits(_work(serial, case))} times as long as serially"
    )
