"""What the gate promises of a case."""

from dataclasses import dataclass

LOADINGS = 2  # "slower" must be seen on each: the layout of a copy in memory can cost some per cent


@dataclass(frozen=True)
class Terms:
    """What is promised of a case: the slowdown that must be caught, and both error rates."""

    tolerance: float
    false_alarm: float
    miss: float

    def of_a_loading(self) -> "Terms":
        """Return the terms of each loading's test.

        "Slower" needs all, so their false alarms multiply.  "Not slower" needs the first one in any
        case, so its miss is the case's.
        """
        return Terms(self.tolerance, self.false_alarm ** (1 / LOADINGS), self.miss)
