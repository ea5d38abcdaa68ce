"""The laws of scaling, fitted where there are enough points, and refused with a reason where not.

Speed-ups are over the serial case of the same kernel.  All laws are linear in their parameters
once they are written for the time of a call, and are fitted by least squares of relative errors.
Intervals are Student's t at 95 %, and hold if the law does.
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
FEWEST_FOR_USL = 4  # CPU counts above 1: two parameters, and two points more
SPARE_CALLS = 2  # more than a model of Ray's cost has parameters, to see its error
FEWEST_FOR_CALL = 3  # numbers of tasks: with fewer, a call's cost cannot be parted from its tasks'
FITS = 1.25  # how far a model may miss a call; seen: 1.2 with a term for the call, 2.0 without
INLINE = 100 * 2**10  # bytes; Ray sends larger objects through its object store


class LawError(ValueError):
    """A law cannot be known from these points; the message says why."""


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
class Call:
    """What a call moved through Ray, and what that took: an observation for the cost model."""

    tasks: int
    nbytes: int
    seconds: float

    @property
    def is_inline(self) -> bool:
        """Whether what each task moves is small enough to travel with its message."""
        return self.nbytes <= INLINE * self.tasks


@dataclass(frozen=True)
class RayCost:
    """What Ray costs: seconds a call, a task, and a byte, in or out.

    *misfit* is the largest factor between a fitted call and the model, either way: 1 where the
    model holds.  The intervals take the model for true: they are worth nothing where it is large.
    """

    call: Estimate | None  # None where all had as many tasks: a task's cost then has a share of it
    task: Estimate
    byte: Estimate
    misfit: float
    calls: int  # that it was fitted to

    @property
    def has_negative(self) -> bool:
        """Whether a cost is below 0, which cannot be."""
        return any(one.value < 0 for one in (self.call, self.task, self.byte) if one)

    @property
    def holds(self) -> bool:
        """Whether the model describes the calls: no cost below 0, none missed by a quarter."""
        return self.misfit <= FITS and not self.has_negative

    def predict(self, serial: float, tasks: int, nbytes: int, cpus: int) -> float:
        """Return the seconds of a call whose work takes *serial* seconds on one CPU."""
        moved = tasks * self.task.value + nbytes * self.byte.value
        return serial / min(cpus, tasks) + (self.call.value if self.call else 0.0) + moved


def karp_flatt(cpus: int, speed_up: float) -> float:
    """Return the serial fraction that a *speed_up* on *cpus* CPUs, 2 or more, amounts to.

    Where it grows with the CPUs it is overhead, and not a serial part of the work.
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
    n, times = _times(cpus, speed_ups)
    _demand(len(n) - 1, FEWEST_FOR_AMDAHL, "Amdahl's law", "CPU counts above 1")

    # The time is 1 / n + f (1 - 1 / n), as a share of the serial one.
    _, fraction = _shares([1 / n, 1 - 1 / n], times)
    return fraction


def universal_scalability(cpus: Sequence[int], speed_ups: Sequence[float]) -> Scalability:
    """Return the parameters of s = n / (1 + contention (n - 1) + coherency n (n - 1)).

    LawError for fewer than four CPU counts above 1.
    Source: Gunther, Guerrilla Capacity Planning, 2007.
    """
    n, times = _times(cpus, speed_ups)
    _demand(len(n) - 1, FEWEST_FOR_USL, "The Universal Scalability Law", "CPU counts above 1")

    # The time is 1 / n + contention (n - 1) / n + coherency (n - 1), as a share of the serial one.
    _, contention, coherency = _shares([1 / n, (n - 1) / n, n - 1], times)
    return Scalability(contention, coherency)


def ray_cost(observed: Sequence[Call]) -> RayCost:
    """Return what a call, a task and a byte cost, from calls that did nothing else.

    The model is seconds = call + tasks * task + nbytes * byte, by relative errors.  It bends where
    objects no longer travel inline: fit the calls on either side apart.
    LawError for too few calls, or where all moved as much per task.
    """
    calls = np.array([(1, one.tasks, one.nbytes, one.seconds) for one in observed], float)
    differ = len({one.tasks for one in observed}) >= FEWEST_FOR_CALL
    fewest = (3 if differ else 2) + SPARE_CALLS
    _demand(len(observed), fewest, "The cost of a task and of a byte", "measured calls")
    if len({one.nbytes / one.tasks for one in observed}) < 2:
        raise LawError("The cost of a byte needs calls that move more bytes a task than others.")
    terms, seconds = calls[:, 0 if differ else 1 : 3], calls[:, 3]
    values, covariance, freedom = _fit(list(terms.T), seconds)
    errors = np.sqrt(np.diag(covariance))
    *call, task, byte = (_estimate(*one, freedom) for one in zip(values, errors, strict=True))
    misfit = _misfit(terms @ values / seconds)
    return RayCost(call[0] if call else None, task, byte, misfit, len(observed))


def _misfit(shares: Floats) -> float:
    """Return the largest factor between the model and a call, from model over measured."""
    return float(max(shares.max(), 1 / shares.min())) if shares.min() > 0 else math.inf


def level_crossed(places: Sequence[float], heights: Sequence[float], level: float) -> float | None:
    """Return the place from which on *heights* stay at *level* or above, None if they do not.

    *places* ascend and are above 0; between them the heights are joined by straight lines
    over the logarithm of the place.  The first place if none is below.

    >>> round(level_crossed([1.0, 10.0, 100.0], [0.0, 0.4, 0.6], 0.5), 6)
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


def _times(cpus: Sequence[int], speed_ups: Sequence[float]) -> tuple[Floats, Floats]:
    """Return CPU counts and times: the serial case, which took 1, and those on more than one CPU.

    Ray on one CPU does not count: a law has only 1 there, whatever its parameters.
    """
    points = [(1, 1.0)] + [(n, 1 / s) for n, s in zip(cpus, speed_ups, strict=True) if n > 1]
    n, times = np.array(points, dtype=np.float64).T
    return n, times


def _shares(terms: Sequence[Floats], times: Floats) -> list[Estimate]:
    """Fit *times* as a sum of *terms*; return each coefficient as a share of the first.

    The first is the serial time, which has an error as the others do.
    """
    values, covariance, freedom = _fit(terms, times)
    found = []
    for place, value in enumerate(values):
        share = value / values[0]
        slopes = np.zeros(len(values))  # of the share: value / first has 1 / first, -share / first
        slopes[place] += 1 / values[0]
        slopes[0] -= share / values[0]
        found.append(_estimate(share, float(np.sqrt(slopes @ covariance @ slopes)), freedom))
    return found


def _fit(terms: Sequence[Floats], y: Floats) -> tuple[Floats, Floats, int]:
    """Return the coefficients of *terms* whose sum is nearest to *y*, in relative error.

    With them their covariance, and the degrees of freedom of the variance in it.
    """
    x = np.column_stack(terms) / y[:, None]
    scale = np.abs(x).max(axis=0)  # a task and a byte differ by six powers of ten
    values = np.linalg.lstsq(x / scale, np.ones(len(y)))[0]
    freedom = len(y) - len(terms)
    variance = float(((1 - x / scale @ values) ** 2).sum()) / freedom
    covariance = variance * np.linalg.inv((x / scale).T @ (x / scale))
    return values / scale, covariance / np.outer(scale, scale), freedom


def _estimate(value: float, error: float, freedom: int) -> Estimate:
    margin = error * float(student.ppf((1 + CONFIDENCE) / 2, freedom))
    return Estimate(float(value), Interval(float(value - margin), float(value + margin)))


def _demand(there: int, fewest: int, law: str, nouns: str) -> None:
    if there < fewest:
        raise LawError(f"{law} needs {fewest} or more {nouns}; there {_be(there)}.")


def _be(number: int) -> str:
    return f"is {number}" if number == 1 else f"are {number}"
