"""The control: fixed work, in no kernel's reach, that tells what the machine does.

A saved time speaks of its day too: on a shared machine the same call takes up to twice as long an
hour later.  The control is timed before and after every case, so that a comparison of
stored runs can divide by it, and say when it was the machine that changed.  Its median over the
launch is used: over 40 launches of identical code within 12 minutes that varied by 0.8 % (one
standard deviation), and to divide a case by what was timed just around it doubled the case's
spread.

Its two halves, of about a millisecond each, are what the kernels consist of: interpreted and
vectorised work.
"""

import time

import numpy as np

ADDITIONS = 20_000  # interpreted
PASSES = 40  # vectorised, over 64 KiB, which any core's own cache holds


class Control:
    """Times the control whenever it is asked to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._numbers = np.ones(2**13)

    def sample(self, rounds: int = 3) -> None:
        """Time it some rounds more."""
        for _ in range(rounds):
            start = time.perf_counter()
            self._interpreted()
            self._vectorised()
            self.seconds.append(time.perf_counter() - start)

    def _interpreted(self) -> float:
        total = 0.0
        for number in range(ADDITIONS):
            total += number
        return total

    def _vectorised(self) -> None:
        for _ in range(PASSES):
            np.sqrt(self._numbers, out=self._numbers)
