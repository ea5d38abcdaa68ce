"""Which cases of a run others can be predicted from, and why not from the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rayscale.measured import MeasuredCase, blocks, largest
from rayscale.report.between import between
from rayscale.report.costs import WAYS
from rayscale.report.prediction import Line, Misses, Source, missed_cases, missed_probes
from rayscale.report.subject import Subject, with_probes
from rayscale.report.tariff import FEWEST_ROUNDS, TariffError, tariff
from rayscale.saved.launches import Launch
from rayscale.suite.gain import Block
from rayscale.text import count, digits

# Times as long as serially, or as short, may a row take in tasks.  On two busy cores it was up to
# 2.2 times; a vectorised kernel of 100 points a row takes 40 times as long row by row.
ALIKE = 3.0


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
    source = _source(subject, kept)
    own = partial(_of_block, source=source, noisy=noisy)
    lines = [one for block in blocks(subject.cases) for one in own(block) if isinstance(one, Line)]
    cases = tuple(miss for line in lines for miss in missed_cases(line))
    shown = [one for block in largest(subject.cases) for one in own(block)]
    refused = tuple(one for one in shown if isinstance(one, Refused))
    if len(refused) == len(shown):
        raise UnpredictableError(_nothing(refused))
    known = replace(source, misses=replace(source.misses, cases=cases))
    predicted = [replace(one, source=known) for one in shown if isinstance(one, Line)]
    return Bases(tuple(predicted), refused)


def _nothing(refused: Sequence[Refused]) -> str:
    """Return why nothing can be predicted: the first reason."""
    if not refused:
        return "nothing can be predicted: the run has no case on Ray beside a serial one"
    return f"nothing can be predicted. {refused[0]}".rstrip(".")


def _source(subject: Subject, kept: Sequence[Launch]) -> Source:
    """Return what Ray takes, and how far launches differ."""
    probed = with_probes(subject, kept)
    if probed is None:
        raise UnpredictableError(
            "nothing can be predicted: neither the run nor another one of its machine has overhead "
            "cases; `rayscale overhead` times them"
        )
    cores = subject.cores or max(one.cpus for one in probed.probes)
    try:
        costs = tariff([one for one in probed.probes if one.cpus <= cores])
    except TariffError as error:
        name = probed.launches[0].file
        raise UnpredictableError(f"nothing can be predicted from {name}: {error}") from error
    misses = Misses(missed_probes(probed.probes, costs, cores), ())
    folder, software = subject.launches[0].folder, subject.launches[0].software
    alike = [one for one in kept if (one.folder, one.software) == (folder, software)]
    seen = (case.surroundings.outside or 0.0 for case in subject.cases if case.surroundings)
    return Source(costs, cores, misses, between(alike), load=max(seen, default=0.0))


def _of_block(block: Block, source: Source, *, noisy: bool) -> Iterator[Line | Refused]:
    """Return what each way of each kernel of one problem and size can be predicted from."""
    parallel = (case for case in block if not case.is_serial)
    lines = dict.fromkeys((case.kernel, case.implementation) for case in parallel)
    for kernel, way in lines:
        serial = next((one for one in block if one.is_serial and one.kernel == kernel), None)
        own = [one for one in block if (one.kernel, one.implementation) == (kernel, way)]
        fair = tuple(one for one in own if not one.oversubscribed)
        if serial is None:
            yield Refused(block[0].problem, kernel, way, "its kernel has no serial case")
        elif reason := next(_reasons(serial, fair, noisy=noisy), None):
            yield Refused(block[0].problem, kernel, way, reason)
        else:
            yield Line(serial, fair, source)


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
