"""What the gate promises of a case."""

from dataclasses import dataclass

LOADINGS = 2  # of which "slower" needs the evidence: each test has the root of the false alarm
# Loadings that "slower" is seen on, all seats exchanged each time.  The evidence of two is enough
# against noise, and not against the layout of each loading's copies in memory: in 31 sessions of
# identical code whose layouts had standard deviations of up to 2.8 %, two loadings called it slower
# in 3 of 1,953 comparisons, by 3 to 5 %.
CONFIRMED = 4


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
