"""What Ray takes for tasks that do nothing and for their bytes, read off a run's probes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rayscale.report.subject import ProbeTiming

FEWEST_ROUNDS = 6  # of a probe: with fewer its median has no 97.5 % interval
FEWEST_NUMBERS = 3  # of empty tasks: what a call costs, and what its tasks do, differ
TASKS = "ray_per_row"  # the way that sends Ray's tasks

Points = tuple[tuple[float, float], ...]  # ascending: an amount, and seconds


class TariffError(ValueError):
    """The probes do not say what tasks cost; the message says why."""


@dataclass(frozen=True)
class Tariff:
    """Seconds of calls whose tasks do nothing, as they were measured, and lines between them."""

    empty: dict[int, Points]  # by CPUs: of so many tasks
    given: Points  # of a task that gets so many bytes, beyond one that gets hardly any
    taken: Points  # of a task that gives so many

    @property
    def most(self) -> int:
        """The most CPUs that empty tasks were measured on."""
        return max(self.empty)

    def feeding(self, tasks: int, cpus: int) -> float:
        """Return the seconds of a call of so many empty *tasks*.

        On as many CPUs, or on the nearest fewer that were measured.  Beyond the most tasks that
        were measured each further one takes as long as those did on average.
        """
        fewer = [count for count in self.empty if count <= cpus]
        points = self.empty[max(fewer, default=min(self.empty))]
        most, seconds = points[-1]
        return seconds * tasks / most if tasks > most else _between(((0.0, 0.0), *points), tasks)

    def moving(self, tasks: int, nbytes: float) -> float:
        """Return what it takes more if *tasks* move *nbytes*, half of them in and half out."""
        each = nbytes / 2 / tasks
        return tasks * (_between(self.given, each) + _between(self.taken, each))

    def in_worker(self, tasks: int) -> float:
        """Return the seconds a task that a single worker needs longer than the driver does."""
        alone, most = self.feeding(tasks, 1), self.feeding(tasks, self.most)
        return max(0.0, alone - most) / tasks

    @property
    def a_second(self) -> float:
        """How many tasks a second the driver can feed, at best."""
        return max(tasks / seconds for tasks, seconds in self.empty[self.most])


def _between(points: Points, place: float) -> float:
    """Return the height at *place* of straight lines between *points*, the last one prolonged."""
    places, heights = zip(*points, strict=True)
    if place <= places[-1] or len(points) < 2:
        return float(np.interp(place, places, heights))
    slope = (heights[-1] - heights[-2]) / (places[-1] - places[-2])
    return float(heights[-1] + slope * (place - places[-1]))


def tariff(probes: Sequence[ProbeTiming]) -> Tariff:
    """Return what the *probes* of a run say that Ray takes; TariffError where they do not."""
    own = [one for one in probes if one.tasks and one.implementation == TASKS]
    own = [one for one in own if one.n >= FEWEST_ROUNDS]
    empty = {
        cpus: _points([(float(one.tasks), one.median) for one in own if _is(one, cpus)])
        for cpus in sorted({one.cpus for one in own})
    }
    empty = {cpus: points for cpus, points in empty.items() if len(points) >= FEWEST_NUMBERS}
    if not empty:
        raise TariffError(
            f"it has no empty tasks of {FEWEST_NUMBERS} numbers or more, each timed "
            f"{FEWEST_ROUNDS} times or more; `rayscale overhead` times them"
        )
    most = max(empty)
    given, taken = (
        _extra([one for one in own if (one.name, one.cpus) == (name, most)])
        for name in ("bytes_in", "bytes_out")
    )
    if not given or not taken:
        raise TariffError("it does not say what bytes cost; `rayscale overhead` times them")
    return Tariff(empty, given, taken)


def _is(one: ProbeTiming, cpus: int) -> bool:
    return one.name == "empty_tasks" and one.cpus == cpus


def _points(pairs: Sequence[tuple[float, float]]) -> Points:
    """Return *pairs* in order, one for each place: a file may be anybody's, and have more."""
    return tuple(sorted(dict(pairs).items()))


def _extra(moved: Sequence[ProbeTiming]) -> Points:
    """Return what a task takes more for its bytes, which never falls: less is noise."""
    points = _points([(one.bytes_moved / one.tasks, one.median / one.tasks) for one in moved])
    if not points:
        return ()
    heights = np.maximum.accumulate([seconds - points[0][1] for _, seconds in points])
    return tuple((place, float(high)) for (place, _), high in zip(points, heights, strict=True))
