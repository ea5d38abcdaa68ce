"""What Ray costs: a model of a task's and a byte's cost, how well it fits, what it predicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayscale.measured import MeasuredCase
from rayscale.report.granularity import COMPUTING, SLEEPING
from rayscale.report.subject import ProbeTiming
from rayscale.suite import laws
from rayscale.suite.gain import Block
from rayscale.suite.laws import Call, Estimate, LawError, RayCost
from rayscale.text import count, digits, duration
from rayscale.where import ANYWHERE, Where

MIB = 2**20
WAYS = ("ray_whole", "ray_per_row", "ray_blocks")  # Ray's tasks, which carry their rows
Fitted = RayCost | LawError


@dataclass(frozen=True)
class RayCosts:
    """What Ray costs on some CPUs, apart for objects of up to 100 KiB and for larger ones."""

    cpus: int
    inline: Fitted
    stored: Fitted
    where: Where = ANYWHERE

    @property
    def on(self) -> str:
        """On which CPUs, in words."""
        return f"{count(self.cpus, 'CPU')} {self.where.label}".rstrip()

    def of(self, case: MeasuredCase) -> Fitted:
        """Return the costs that *case* has: half of what its tasks move goes in, half comes out."""
        each_way = Call(case.tasks, case.bytes_moved // 2, case.median)
        return self.inline if each_way.is_inline else self.stored


def fitted(probes: Sequence[ProbeTiming]) -> list[RayCosts]:
    """Return what a task and a byte cost, by CPU count, or why that cannot be known.

    In a cluster, apart for CPUs on other nodes: no fit mixes calls that had a network in them with
    calls that had none.
    """
    moved = [one for one in probes if one.name not in (COMPUTING, SLEEPING)]
    found = []
    for cpus, _, where in sorted({(one.cpus, one.where.away, one.where) for one in moved}):
        own = [one for one in moved if (one.cpus, one.where) == (cpus, where)]
        calls = [Call(one.tasks, one.bytes_moved, one.median) for one in own]
        inline = [one for one in calls if one.is_inline]
        stored = [one for one in calls if not one.is_inline]
        found.append(RayCosts(cpus, _fit(inline), _fit(stored), where))
    return found


def _fit(calls: Sequence[Call]) -> Fitted:
    try:
        return laws.ray_cost(calls)
    except LawError as error:
        return error


def seconds_of(estimate: Estimate, factor: float = 1.0) -> str:
    """Return an estimate of seconds, times *factor*, with its interval; it may be below 0."""
    low, high = (duration(bound * factor) for bound in estimate.interval)
    return f"{duration(estimate.value * factor)} [{low}, {high}]"


def sentences(costs: Sequence[RayCosts]) -> Iterator[str]:
    """Return what Ray costs on the most CPUs, where the model describes what was measured.

    In a cluster, on the most of the driver's node, and on the most that were elsewhere.
    """
    most = {one.where.kind: one.cpus for one in costs}  # those with the most CPUs come last
    for one in costs:
        for cost, objects in ((one.inline, "up to"), (one.stored, "above")):
            if one.cpus == most[one.where.kind] and isinstance(cost, RayCost):
                yield f"On {one.on}, with objects {objects} 100 KiB, {_said(cost)}."


def _said(cost: RayCost) -> str:
    if not cost.holds:
        return f"what a task and a byte cost cannot be told: {misfit(cost)}"
    call = f"a call costs {seconds_of(cost.call)}, " if cost.call else ""
    return (
        f"{call}each task {'' if call else 'costs '}{seconds_of(cost.task)} and each MiB that is "
        f"moved {seconds_of(cost.byte, MIB)} (n={cost.calls} calls)"
    )


def misfit(cost: RayCost) -> str:
    """Return how far the model misses the calls that it was fitted to."""
    below = ", and gives a cost below 0" if cost.has_negative else ""
    return f"the model misses a call by a factor of {digits(cost.misfit)}{below}"


@dataclass(frozen=True)
class Prediction:
    """What the model says of a case, in seconds."""

    case: MeasuredCase
    work: float  # serial time over the CPUs that have a task
    predicted: float

    @property
    def missed(self) -> float:
        """Measured over predicted."""
        return self.case.median / self.predicted


def predictions(block: Block, costs: Sequence[RayCosts]) -> list[Prediction]:
    """Return what the models say of each Ray case of *block* that they can speak of."""
    serial = {case.kernel: case.median for case in block if case.is_serial}
    by_cpus = {(one.cpus, one.where): one for one in costs}
    found = []
    for case in block:
        own = by_cpus.get((case.cpus, case.where))
        known = case.tasks and case.bytes_moved and case.kernel in serial
        if case.implementation not in WAYS or own is None or not known:
            continue
        cost = own.of(case)
        if isinstance(cost, RayCost):
            alone = serial[case.kernel]
            work = alone / min(case.cpus, case.tasks)
            predicted = cost.predict(alone, case.tasks, case.bytes_moved, case.cpus)
            found.append(Prediction(case, work, predicted))
    return found
