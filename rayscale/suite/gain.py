"""What Ray gained: speed-ups over serial, and the CPU count from which it pays."""

from collections.abc import Sequence
from dataclasses import dataclass

from rayscale.intervals import Interval, speed_up
from rayscale.measured import MeasuredCase


@dataclass(frozen=True)
class Gain:
    """How many times faster a case ran than the serial case of the same kernel."""

    case: MeasuredCase
    ratio: float
    interval: Interval | None  # 95 %, in this launch; None where the rounds are too few

    @property
    def efficiency(self) -> float:
        """Speed-up per CPU: 1 is all that the CPUs can give."""
        return self.ratio / self.case.cpus


def gain(case: MeasuredCase, block: Sequence[MeasuredCase]) -> Gain | None:
    """Return the gain of *case* over the serial case of its kernel in *block*, if that is there."""
    serial = next((one for one in block if one.is_serial and one.kernel == case.kernel), None)
    if serial is None:
        return None
    ends = serial.interval, case.interval
    interval = speed_up(ends[0], ends[1]) if ends[0] and ends[1] else None
    return Gain(case, serial.median / case.median, interval)


def fastest(cases: Sequence[MeasuredCase]) -> MeasuredCase | None:
    """Return the case with the smallest median."""
    return min(cases, key=lambda case: case.median, default=None)


def cost(block: Sequence[MeasuredCase]) -> MeasuredCase | None:
    """Return the Ray case with the fewest CPUs that beats the fastest single-thread kernel.

    None if none does, or if *block* has no serial case.  The fastest of those with as few CPUs.

    Source: McSherry, Isard & Murray, "Scalability! But at what COST?", HotOS 2015: the
    configuration that outperforms a single thread.
    """
    single = fastest([case for case in block if case.is_serial])
    if single is None:
        return None
    better = [case for case in block if not case.is_serial and case.median < single.median]
    return min(better, key=lambda case: (case.cpus, case.median), default=None)
