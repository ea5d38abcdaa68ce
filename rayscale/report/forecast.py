"""How long a call of so many tasks takes: its work, and what Ray takes for its tasks and bytes."""

import math
from dataclasses import dataclass

from rayscale.report.feeding import last_end
from rayscale.report.tariff import Tariff

# Ray's time grows by so much with each e-fold of the CPUs beyond the most that were measured.  In
# one launch with 64 workers on 2 cores, predicted from 4, it was 1.5 and 1.7 times the time without
# growth, with 16 it was 0.98 and 1.3 times: exponents of 0.15 and 0.19, -0.01 and 0.19.
GROWTH = 0.1
ERROR_OF_GROWTH = 0.1  # a standard deviation


@dataclass(frozen=True)
class Cut:
    """How a way of running cuts rows into tasks on some CPUs."""

    tasks: int
    largest: int  # rows of the largest task


def cut(way: str, rows: int, cpus: int) -> Cut:
    """Return how the *way* cuts *rows*, at least one: ray_blocks has a task for each CPU.

    >>> cut("ray_blocks", 10, 4), cut("ray_per_row", 10, 4), cut("ray_blocks", 3, 64)
    (Cut(tasks=4, largest=3), Cut(tasks=10, largest=1), Cut(tasks=3, largest=1))
    """
    tasks = {"ray_whole": 1, "ray_per_row": rows}.get(way, min(cpus, rows))
    return Cut(tasks, -(-rows // tasks))


@dataclass(frozen=True)
class Call:
    """What a call is expected to take: between the seconds of two extremes."""

    overlapped: float  # the driver feeds while workers work: it has a core of its own
    added: float  # what Ray takes comes on top: driver and workers share the cores
    ray: float  # seconds of Ray's, in both
    work: float  # seconds of the worker that works longest
    tasks: int
    doubt: float  # standard deviation of the logarithm of the seconds, for what was not measured

    @property
    def seconds(self) -> float:
        """The middle of both, as a factor."""
        return math.sqrt(self.overlapped * self.added)

    @property
    def share(self) -> float:
        """Ray's share of it, at most 1."""
        return min(1.0, self.ray / self.seconds)


def call(
    costs: Tariff, own: Cut, cpus: int, *, row: float, nbytes: float, cores: int, known: int
) -> Call:
    """Return what a call takes whose rows need *row* seconds each, on one CPU.

    Its tasks move *nbytes* together.  On no more CPUs than *cores* the driver's work and Ray's come
    on top of the rows', for they need the cores as well.  Beyond, both extremes are possible, and
    Ray's time grows from the most CPUs on that are *known*.
    """
    growth = math.log(max(1.0, cpus / known)) if cpus > cores else 0.0
    ray = costs.feeding(own.tasks, cpus) + costs.moving(own.tasks, nbytes)
    ray *= math.exp(GROWTH * growth)
    each = own.largest * row
    work = -(-own.tasks // cpus) * each
    added = overlapped = work + ray
    if cpus > cores:
        alone = each + costs.in_worker(own.tasks)
        overlapped = min(added, last_end(own.tasks, cpus, ray / own.tasks, alone))
    gap = math.log(added / overlapped)
    grown = ERROR_OF_GROWTH * growth * min(1.0, ray / overlapped)
    # Anything between the extremes is as likely: a uniform distribution has this deviation.
    return Call(overlapped, added, ray, work, own.tasks, math.hypot(gap / math.sqrt(12), grown))


def between_calls(least: Call, most: Call) -> Call:
    """Return a call of which no more is known than that it takes between *least* and *most*.

    Both are of the same tasks; anything between the extremes is as likely.
    """
    gap = math.log(most.added / least.overlapped)
    doubt = math.hypot(gap / math.sqrt(12), least.doubt, most.doubt)
    return Call(least.overlapped, most.added, most.ray, least.work, least.tasks, doubt)
