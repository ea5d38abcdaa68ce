"""One value for 'how many times as fast': a ratio of two times, its interval, and its n."""

from dataclasses import dataclass
from typing import Literal, Protocol, Self

from rayscale.intervals import Interval, speed_up
from rayscale.text import digits

# A difference below 5 % is shown, and called neither faster nor slower: launches of the same code
# differ by as much (40 launches each: standard deviations of their medians of 1.5 to 8 %).
MARGIN = 0.05

Answer = Literal["faster", "about as fast", "slower", "cannot be told"]


class Timed(Protocol):
    """Something that was timed: a case, or a probe."""

    @property
    def median(self) -> float:
        """Seconds."""

    @property
    def interval(self) -> Interval | None:
        """Bounds of the median, 97.5 %; None where they cannot be told."""

    @property
    def n(self) -> int:
        """How many observations the median is of."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as a reference something ran: the reference's time over its own."""

    value: float
    interval: Interval | None  # 95 %; None where there are too few observations
    n: int  # observations on the side that has fewer

    @classmethod
    def of(cls, reference: Timed, timed: Timed) -> Self:
        """Return how many times as fast as *reference* *timed* ran."""
        ends = reference.interval, timed.interval
        bounds = speed_up(ends[0], ends[1]) if ends[0] and ends[1] else None
        return cls(reference.median / timed.median, bounds, min(reference.n, timed.n))

    @property
    def answer(self) -> Answer:
        """What the interval carries; without one, nothing.

        "about as fast" is said where the whole interval lies within 5 % of 1.

        >>> Ratio(1.9, Interval(1.8, 2.0), n=7).answer, Ratio(1.9, None, n=3).answer
        ('faster', 'cannot be told')
        >>> Ratio(0.99, Interval(0.98, 0.995), n=7).answer
        'about as fast'
        """
        if self.interval is None:
            return "cannot be told"
        low, high = self.interval
        if low >= 1 / (1 + MARGIN) and high <= 1 + MARGIN:
            return "about as fast"
        if low > 1:
            return "faster"
        return "slower" if high < 1 else "cannot be told"

    @property
    def inverse(self) -> "Ratio":
        """How many times as long as the reference it took."""
        bounds = Interval(1 / self.interval.high, 1 / self.interval.low) if self.interval else None
        return Ratio(1 / self.value, bounds, self.n)

    def efficiency(self, cpus: float) -> "Ratio":
        """Return the speed-up per CPU: 1 is all that *cpus* CPUs can give.

        >>> print(Ratio(1.9, Interval(1.8, 2.0), n=7).efficiency(2))
        0.95x [0.90, 1.00] (n=7)
        """
        low, high = self.interval or (0.0, 0.0)
        bounds = Interval(low / cpus, high / cpus) if self.interval else None
        return Ratio(self.value / cpus, bounds, self.n)

    @property
    def figure(self) -> str:
        """The ratio with its interval, for a cell that has the n beside it.

        It has up to two digits more where the ends of the interval would look the same.

        >>> Ratio(0.9904, Interval(0.9901, 0.9912), n=10).figure
        '0.990x [0.990, 0.991]'
        """
        if self.interval is None:
            return f"{digits(self.value)}x ~"
        shown = [self._figure(more) for more in (0, 1, 2)]
        return next((text for text, apart in shown if apart), shown[0][0])

    def _figure(self, more: int) -> tuple[str, bool]:
        """Return the ratio with *more* digits, and whether the interval's ends differ."""
        low, high = (digits(bound, more) for bound in self.interval or (self.value, self.value))
        return f"{digits(self.value, more)}x [{low}, {high}]", low != high

    def __str__(self) -> str:
        """Return it with its interval and n.

        >>> print(Ratio(1.89, Interval(1.87, 1.91), n=12), "or", Ratio(1.89, None, n=3))
        1.89x [1.87, 1.91] (n=12) or 1.89x ~ (n=3)
        """
        return f"{self.figure} (n={self.n})"
