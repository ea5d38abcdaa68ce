"""Is the head slower than the base?  A test on pairs that is valid whenever one stops.

Two coins are tossed with every pair.  Coin 1: did the head take longer than the base?  If it
is no slower, and which of the two ran first was drawn at random, this coin shows heads
at most half of the time, whatever the noise.  Coin 2: did the head take less than the base and the
tolerance?  If the head is slower by the tolerance or more in every slot, so does this one.

The evidence against "at most half of the time" is the wealth of a bettor who starts with 1: such
a coin makes every bet on heads fair or worse, so the wealth ever reaches 1 / a with probability
at most a (Ville's inequality).  One may look after each pair, and stop at will.

What is compared is the median: rare slow calls are outside it.

Sources: Ville, Etude critique de la notion de collectif, 1939; Robbins, Annals of Mathematical
Statistics 41 (1970) 1397; Howard, Ramdas, McAuliffe & Sekhon, Annals of Statistics 49 (2021) 1055;
Ramdas, Gruenwald, Vovk & Shafer, Statistical Science 38 (2023) 576.
"""

import bisect
import math
from typing import Literal

from scipy.special import betainc, betaln

from rayscale.intervals import Interval

Verdict = Literal["slower", "not slower", "undecided"]


class SlowdownTest:
    """Tell from pairs, as they come, whether the head is slower than the base.

    *tolerance* is the slowdown that must be caught: 0.05 is 5 %.  *false_alarm* bounds the
    probability that a head that is no slower is ever called slower, *miss* the
    probability that one slower by the tolerance or more is ever called not slower.
    ValueError unless all three lie between 0 and 1.

    >>> test = SlowdownTest(tolerance=0.05, false_alarm=0.01, miss=0.01)
    >>> for _ in range(20):
    ...     test.add(base=0.0280, head=0.0281)
    >>> test.verdict, test.pairs, round(test.ratio, 3)
    ('not slower', 20, 1.004)
    """

    def __init__(self, tolerance: float, false_alarm: float, miss: float) -> None:
        for name, share in {
            "tolerance": tolerance,
            "false_alarm": false_alarm,
            "miss": miss,
        }.items():
            if not 0 < share < 1:
                raise ValueError(f"{name}={share!r} is not between 0 and 1; 0.05 is 5 %")
        self.verdict: Verdict = "undecided"
        self._tolerance = tolerance
        self._refuted_at = -math.log(false_alarm), -math.log(miss)  # log wealth
        self._heads = [0, 0]
        self._refuted = [False, False]
        self._log_ratios: list[float] = []  # in order of size

    @property
    def pairs(self) -> int:
        """The number of pairs so far."""
        return len(self._log_ratios)

    @property
    def ratio(self) -> float:
        """The median of head / base; nan before the first pair."""
        ordered, n = self._log_ratios, self.pairs
        return math.exp((ordered[(n - 1) // 2] + ordered[n // 2]) / 2) if n else math.nan

    def add(self, base: float, head: float) -> None:
        """Take in one pair of times, in seconds; ValueError unless both are finite and above 0.

        Costs some microseconds, after thousands of pairs too.
        """
        for name, seconds in (("base", base), ("head", head)):
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{name}={seconds!r} is no time; give finite seconds above 0")
        bisect.insort(self._log_ratios, math.log(head / base))
        # A tie is heads for neither coin, so it speaks against neither null.
        tosses = head > base, head < base * (1 + self._tolerance)
        for coin, shows_heads in enumerate(tosses):
            self._heads[coin] += shows_heads
            wealth = log_wealth(self._heads[coin], self.pairs - self._heads[coin])
            self._refuted[coin] |= wealth >= self._refuted_at[coin]
        if self.verdict == "undecided":
            self.verdict = self._judge()

    def interval(self, confidence: float = 0.99) -> Interval:
        """Return an interval of the median of head / base that holds at any stopping time.

        A ratio is left out once the bettor against "at most half of the pairs lie above it", or the
        one against "below it", has 2 / (1 - *confidence*).  (0, inf) while none can be.
        """
        share = math.log(2 / (1 - confidence))
        n = self.pairs
        # The fewest heads of n tosses that refute a fair coin; wealth grows with heads.
        fewest = bisect.bisect_left(range(n + 1), share, key=lambda k: log_wealth(k, n - k))
        if fewest > n:
            return Interval(0.0, math.inf)
        ordered = self._log_ratios
        return Interval(math.exp(ordered[n - fewest]), math.exp(ordered[fewest - 1]))

    def _judge(self) -> Verdict:
        slower, not_slower = self._refuted
        if not_slower:
            return "not slower"
        return "slower" if slower and self.ratio >= 1 + self._tolerance / 2 else "undecided"


def shows(ratio: float, interval: Interval, tolerance: float) -> bool:
    """Tell whether a median ratio and its interval, as shown, agree with "slower".

    They do where it is half the tolerance or more, and the interval above 1.
    """
    return ratio >= 1 + tolerance / 2 and interval.low > 1


def log_wealth(heads: int, tails: int) -> float:
    """Return the log of a bettor's wealth against a coin that shows heads at most half the time.

    The bettor spreads 1 uniformly over all p between 1/2 and 1, and bets each share as if p
    were the chance of heads.  The wealth is 2 times the integral of (2 p)**heads
    (2 - 2 p)**tails, that is

        2**(n + 1) B(heads + 1, tails + 1) P(Beta(heads + 1, tails + 1) > 1/2),  n = heads + tails.

    It obeys W(h + 1, t) = (2 (h + 1) W(h, t) + 1) / (n + 2) and W(h, t + 1) =
    (2 (t + 1) W(h, t) - 1) / (n + 2).  As a program that recursion fails: a run of tails
    doubles its rounding error each time (after 1100 tails it gives -3e297 instead of 9e-4).  The
    closed form costs 6 us at any n.

    >>> [round(math.exp(log_wealth(*tosses)), 9) for tosses in ((0, 0), (1, 0), (0, 1))]
    [1.0, 1.5, 0.5]
    """
    n = heads + tails
    above_half = float(betainc(tails + 1, heads + 1, 0.5))
    if above_half == 0.0:  # below the smallest float: to say none refutes nothing
        return -math.inf
    return (n + 1) * math.log(2) + float(betaln(heads + 1, tails + 1)) + math.log(above_half)
