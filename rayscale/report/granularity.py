"""How long must a task be?  METG(50 %), the minimum effective task granularity."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rayscale.ratio import Ratio
from rayscale.report.rise import Rise
from rayscale.report.subject import ProbeTiming
from rayscale.suite.laws import Estimate
from rayscale.text import count

TASKS = "ray_per_row"  # the way that sends Ray's tasks
HALF = 0.5  # of what the CPUs can give


@dataclass(frozen=True)
class Granularity:
    """What share of the ideal tasks of some lengths reach, on some CPUs.

    Source: Slaughter et al., Task Bench, SC 2020.
    """

    way: str
    cpus: int
    lengths: tuple[float, ...]  # seconds, ascending, as measured serially
    efficiencies: tuple[Ratio, ...]

    @property
    def rise(self) -> Rise:
        """Where half of the ideal is reached."""
        return Rise(self.lengths, self.efficiencies, HALF)

    @property
    def metg(self) -> Estimate | None:
        """How long a task must be for half of the ideal, in seconds, with its interval."""
        return self.rise.estimate

    @property
    def known(self) -> str | None:
        """Return how long a task must be in words, or None where that cannot be told."""
        return self.rise.known

    @property
    def doubt(self) -> str:
        """Return why it cannot be told."""
        return self.rise.doubt


def granularities(probes: Iterable[ProbeTiming]) -> list[Granularity]:
    """Return the efficiencies of tasks by their length, for each way of running and CPU count.

    Ray's tasks come first.
    """
    own = [one for one in probes if one.name == "task_length" and one.length is not None]
    serial = {one.length: one for one in own if one.implementation == "serial"}
    others = [one for one in own if one.implementation != "serial" and one.length in serial]
    others.sort(key=lambda one: one.length or 0.0)
    lines = {(one.implementation != TASKS, one.implementation, one.cpus) for one in others}
    found = []
    for _, way, cpus in sorted(lines):
        line = [one for one in others if (one.implementation, one.cpus) == (way, cpus)]
        found.append(_granularity(way, cpus, [(serial[one.length], one) for one in line]))
    return found


def _granularity(
    way: str, cpus: int, line: Sequence[tuple[ProbeTiming, ProbeTiming]]
) -> Granularity:
    """Return what *line* has: pairs of the serial probe and the way's, of the same length."""
    return Granularity(
        way,
        cpus,
        tuple(serial.median / serial.tasks for serial, _ in line),
        # Per task and CPU: the way's probe may have more tasks than the serial one.
        tuple(
            Ratio.of(serial, other).efficiency(cpus * serial.tasks / other.tasks)
            for serial, other in line
        ),
    )


def sentences(lines: Sequence[Granularity]) -> Iterator[str]:
    """Return how long a task must be on each CPU count, or that it cannot be told."""
    rays = [line for line in lines if line.way == TASKS]
    if known := [f"{line.known} on {count(line.cpus, 'CPU')}" for line in rays if line.known]:
        yield (
            f"A task must last {', '.join(known)} for Ray to make half of what the CPUs can give: "
            "METG(50 %)."
        )
    for line in rays:
        if line.known is None:
            yield (
                f"How long a task must last on {count(line.cpus, 'CPU')} cannot be told: "
                f"{line.doubt}."
            )
    most = max((line.cpus for line in lines), default=0)
    others = [line for line in lines if line.way != TASKS and line.cpus == most]
    if known := [f"{line.known} with {line.way}" for line in others if line.known]:
        yield f"On {count(most, 'CPU')}, beside Ray's tasks: {', '.join(known)}."
