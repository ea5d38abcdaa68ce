"""The control: fixed work, outside all kernels, that shows how fast the machine is at the moment.

On a shared machine the same call varies by some per cent within a minute, all cases alike, and can
take twice as long an hour later.  So the control is timed just before and after every
case, and a comparison of stored runs divides by it.  It is vectorised NumPy work over 64 KiB, which
any core's own cache holds; over 30 launches on two shared cores it took the variation of a loop's
median from 1.1 to 0.7 %.  Another version of NumPy is another control.
"""

import time
from statistics import median

import numpy as np

ROUNDS = 40  # before a case, and after it; with 6 in all, 1.0 to 1.2 % of variation are left
PASSES = 40  # of a round: about half a millisecond


class Control:
    """Times the control around each case; *medians* has what it took, case by case."""

    def __init__(self) -> None:
        self.medians: list[float] = []
        self._numbers = np.ones(2**13)

    def sample(self) -> list[float]:
        """Return the seconds of some rounds."""
        return [self._round() for _ in range(ROUNDS)]

    def note(self, before: list[float], after: list[float]) -> float:
        """Put down the samples *before* and *after* a case; return their median."""
        self.medians.append(median(before + after))
        return self.medians[-1]

    def _round(self) -> float:
        start = time.perf_counter()
        for _ in range(PASSES):
            np.sqrt(self._numbers, out=self._numbers)
        return time.perf_counter() - start
