"""The laws of scaling, fitted where there are enough points, and refused with a reason where not.

Speed-ups are over the serial case of the same kernel.  All laws are linear in their parameters
once they are written the right way round, and are fitted by least squares; the intervals are
Student's t at 95 % with the fit's covariance, and speak of the points given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from rayscale.intervals import Interval

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
FEWEST_FOR_AMDAHL = 3  # CPU counts above 1: one parameter, and two points more to see its error
FEWEST_FOR_USL = 5  # CPU counts: two parameters; fewer points follow any such curve


class LawError(ValueError):
    """A law cannot be told from these points; the message says why."""


@dataclass(frozen=True)
class Estimate:
    """A parameter with its 95 % interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Scalability:
    """The Universal Scalability Law's parameters, both 0 for ideal scaling."""

    contention: Estimate
    coherency: Estimate


@dataclass(frozen=True)
class Work:
    """What a call moved through Ray, and what that took: an observation for the cost model."""

    tasks: int
    nbytes: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """What Ray costs: seconds a task and seconds a byte, in or out."""

    task: Estimate
    byte: Estimate

    def predict(self, serial: float, tasks: int, nbytes: int, cpus: int) -> float:
        """Return the seconds of a call whose work takes *serial* seconds on one CPU."""
        return serial / min(cpus, tasks) + tasks * self.task.value + nbytes * self.byte.value


def karp_flatt(cpus: int, speed_up: float) -> float:
    """Return the serial fraction that a *speed_up* on *cpus* CPUs, 2 or more, amounts to.

    Where it grows with the CPUs it is overhead and no serial part of the work.
    Source: Karp & Flatt, Communications of the ACM 33 (1990) 539.

    >>> karp_flatt(4, 4.0), karp_flatt(4, 1.0)
    (0.0, 1.0)
    """
    return (1 / speed_up - 1 / cpus) / (1 - 1 / cpus)


def amdahl(cpus: Sequence[int], speed_ups: Sequence[float]) -> Estimate:
    """Return the serial fraction f of Amdahl's law, speed-up = 1 / (f + (1 - f) / n).

    LawError for fewer than three CPU counts above 1: with one the law is Karp and Flatt's
    metric, and says nothing about how well it fits.
    Source: Amdahl, AFIPS 30 (1967) 483.
    """
    points = [(n, s) for n, s in zip(cpus, speed_ups, strict=True) if n > 1]
    _demand(len(points), FEWEST_FOR_AMDAHL, "Amdahl's law", "CPU counts above 1")
    n, s = np.array(points, dtype=np.float64).T

    # 1 / s - 1 / n = f (1 - 1 / n)
    (fraction,) = _fit([1 - 1 / n], 1 / s - 1 / n)
    return fraction


def universal_scalability(cpus: Sequence[int], speed_ups: Sequence[float]) -> Scalability:
    """Return the parameters of s = n / (1 + contention (n - 1) + coherency n (n - 1)).

    LawError for fewer than five CPU counts.
    Source: Gunther, Guerrilla Capacity Planning, 2007.
    """
    _demand(len(cpus), FEWEST_FOR_USL, "The Universal Scalability Law", "CPU counts")
    n, s = np.asarray(cpus, dtype=np.float64), np.asarray(speed_ups, dtype=np.float64)

    # n / s - 1 = contention (n - 1) + coherency n (n - 1)
    return Scalability(*_fit([n - 1, n * (n - 1)], n / s - 1))


def ray_cost(observed: Sequence[Work]) -> Cost:
    """Return what a task and a byte cost, from calls that did nothing else.

    The model is seconds = tasks * task + nbytes * byte; each call counts by its relative error.
    LawError for fewer than four calls, or where all moved as much per task.
    """
    _demand(len(observed), 4, "The cost of a task and of a byte", "measured calls")
    if len({work.nbytes / work.tasks for work in observed}) < 2:
        raise LawError("The cost of a byte needs calls that move more bytes a task than others.")
    table = np.array([(work.tasks, work.nbytes, work.seconds) for work in observed], float)
    tasks, nbytes, seconds = table.T
    return Cost(*_fit([tasks / seconds, nbytes / seconds], np.ones(len(table))))


def crossing(places: Sequence[float], heights: Sequence[float], level: float) -> float | None:
    """Return the place from which on *heights* stay at *level* or above, None if they do not.

    *places* ascend and are above 0; between them the heights are joined by straight lines
    over the logarithm of the place.  The first place if none is below.

    >>> round(crossing([1.0, 10.0, 100.0], [0.0, 0.4, 0.6], 0.5), 6)
    31.622777
    """
    below = [i for i, height in enumerate(heights) if height < level]
    if not below:
        return places[0]
    last = below[-1]
    if last + 1 == len(places):
        return None
    share = (level - heights[last]) / (heights[last + 1] - heights[last])
    return float(places[last] * (places[last + 1] / places[last]) ** share)


def metg(seconds: Sequence[float], efficiencies: Sequence[float]) -> float | None:
    """Return the minimum effective task granularity, how long tasks must be to reach half.

    *seconds* are the lengths of the tasks, ascending, *efficiencies* the shares of the ideal
    reached.  None if even the longest do not reach it.
    Source: Slaughter et al., Task Bench, SC 2020.
    """
    return crossing(seconds, efficiencies, 0.5)


def break_even(
    points: Sequence[float], serial: Sequence[float], parallel: Sequence[float]
) -> float | None:
    """Return the size from which on *parallel* takes less time than *serial*, in *points*.

    Interpolated where both are powers of the size between two of them; None where it never does.

    >>> round(break_even([100, 10_000], serial=[1.0, 100.0], parallel=[10.0, 10.0]), 6)
    1000.0
    """
    gains = [math.log(s / p) for s, p in zip(serial, parallel, strict=True)]
    return crossing(points, gains, 0.0)


def _fit(terms: Sequence[Floats], y: Floats) -> list[Estimate]:
    """Return the coefficients of *terms* whose sum is nearest to *y*, with 95 % intervals."""
    x = np.column_stack(terms)
    values = np.linalg.lstsq(x, y)[0]
    freedom = len(y) - len(terms)
    variance = float(((y - x @ values) ** 2).sum()) / freedom
    errors = np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x)))
    margins = errors * student.ppf((1 + CONFIDENCE) / 2, freedom)
    return [
        Estimate(float(value), Interval(float(value - margin), float(value + margin)))
        for value, margin in zip(values, margins, strict=True)
    ]


def _demand(there: int, fewest: int, law: str, nouns: str) -> None:
    if there < fewest:
        raise LawError(f"{law} needs {fewest} or more {nouns}; there {_be(there)}.")


def _be(number: int) -> str:
    return f"is {number}" if number == 1 else f"are {number}"
