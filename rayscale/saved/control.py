"""The control: fixed work, in no kernel's reach, that tells what the machine does.

A saved time speaks of its moment too: on a shared machine the same call wanders by some per cent
within a minute, all cases alike, and takes up to twice as long an hour later.  So the control is
timed just before and after every case, a comparison of stored runs divides by it, and says when it
was the machine that changed.

The work is vectorised, over 64 KiB, which any core's own cache holds.  Chosen by measurement, as
relative standard deviations over 30 launches of identical code on two shared cores: divided by
it, the median of a loop varied by 0.7 % (undivided 1.1 %), of the NumPy kernel 0.7 % (1.1 %),
of pandas 0.9 % (1.1 %).  An interpreted loop as control varied by 2.0 % itself, differently in each
process, by where its code lies; six rounds instead of eighty left 1.0 to 1.2 %; one control for the
whole launch cured nothing.
"""

import time
from statistics import median

import numpy as np

ROUNDS = 40  # before a case, and after it
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
