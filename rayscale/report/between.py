"""How far speed-ups differ from launch to launch, by the kept runs of a machine."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import variance

from rayscale.measured import SERIAL
from rayscale.saved.launches import Launch

FEWEST = 5  # launches of a case: with fewer its variance is off by a factor of 7 in one of 20
# Of logarithms.  40 launches of the same code had standard deviations of 1.5 to 8 % in the median
# of a case; a speed-up is a ratio of two.
USUAL = 0.1


@dataclass(frozen=True)
class Between:
    """A standard deviation of a speed-up's logarithm, between launches, and what it is from."""

    deviation: float
    launches: int  # 0: it is the usual one

    @property
    def words(self) -> str:
        """Where it is from, as a part of a sentence."""
        if not self.launches:
            return f"taken to be {100 * self.deviation:.0f} %: too few launches are kept"
        return f"{100 * self.deviation:.0f} %, by {self.launches} launches that are kept"


def between(launches: Sequence[Launch]) -> Between:
    """Return how far the speed-ups of one case differ between *launches*, of one machine.

    The variances of the cases that enough of them have are averaged; without any, the usual one.
    """
    logs: dict[str, list[float]] = {}
    for launch in launches:
        for case, log in _speed_ups(launch):
            logs.setdefault(case, []).append(log)
    enough = [one for one in logs.values() if len(one) >= FEWEST]
    if not enough:
        return Between(USUAL, 0)
    return Between(math.sqrt(sum(map(variance, enough)) / len(enough)), max(map(len, enough)))


def _speed_ups(launch: Launch) -> Iterator[tuple[str, float]]:
    """Return the logarithm of each case's speed-up over serial in *launch*."""
    cases = launch.medians.values()
    serial = {one.serial: one.median for one in cases if one.implementation == SERIAL}
    for one in cases:
        if one.problem and one.implementation != SERIAL and one.serial in serial:
            yield one.id, math.log(serial[one.serial] / one.median)
