"""Pairs: base and head called back to back, in an order that a fresh coin draws.

What the gate promises rests on what happens here.  Nothing below knows which of two calls is the
base's, but for the coin and the name that a time is put down under.
"""

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from rayscale.gate.sequential import SlowdownTest, shows
from rayscale.gate.terms import LOADINGS, Terms
from rayscale.verdict import CONFIDENCE

SHORTEST = 0.002  # seconds of an observation: below, the clock and the loop have a share in it
STRETCH = 3  # times its budget, for a case that may be slower and is not yet decided
WARM_UP = 0.1  # of the budget: a first round of calls that takes longer is the only one

Call = Callable[[], object]
Arms = tuple[Call, Call]  # base and head
Clock = Callable[[], float]


@dataclass(frozen=True)
class Pair:
    """Seconds a call, of one observation of each copy."""

    base: float
    head: float
    head_first: bool


@dataclass
class Record:
    """What was seen of a case: its pairs, loading by loading, and the tests that they fed."""

    calls: int
    tolerance: float
    all_pairs: SlowdownTest  # for the ratio and the interval; holds at any time, as each one does
    tests: list[SlowdownTest] = field(default_factory=list)
    pairs: list[list[Pair]] = field(default_factory=list)
    spent: float = 0.0  # seconds, with those of warming up

    @property
    def is_decided(self) -> bool:
        """Whether the last loading's test is, and what is shown of all pairs agrees with it."""
        found, seen = self.tests[-1].verdict, self.all_pairs
        if found == "slower":
            return shows(seen.ratio, seen.interval(CONFIDENCE), self.tolerance)
        return found == "not slower"

    def add(self, pair: Pair) -> None:
        """Take in a pair of the last loading."""
        self.pairs[-1].append(pair)
        for one in (self.tests[-1], self.all_pairs):
            one.add(base=pair.base, head=pair.head)


def compare(
    load: Callable[[int], Arms],
    terms: Terms,
    budget: float,
    left: float,
    coin: random.Random,
    clock: Clock = time.perf_counter,
) -> Record:
    """Take pairs of the arms that *load* returns, until the verdict is certain or time is up.

    *load* is called with 0 and, when the first test says "slower", with 1, for copies loaded
    afresh.  The pairs of each loading have *budget* seconds, and three times as many while the case
    may be slower; the first loading's no more than the *left* ones of the session.  The second has
    time of its own: else a slower case, found late in a session, would be contradicted by nothing.
    Where time is up, the last test is undecided.
    """
    start = clock()
    arms = load(0)
    seconds = _warm_up(arms, coin, clock, rounds=3, most=WARM_UP * budget)
    calls = max(1, math.ceil(SHORTEST / seconds))
    all_pairs = SlowdownTest(terms.tolerance, terms.false_alarm, terms.miss)
    record = Record(calls, terms.tolerance, all_pairs)
    own = terms.of_a_loading()
    for loading in range(LOADINGS):
        if loading:
            arms = load(loading)
            _warm_up(arms, coin, clock, rounds=1)
        test = SlowdownTest(own.tolerance, own.false_alarm, own.miss)
        record.tests.append(test)
        record.pairs.append([])
        most, begun = math.inf if loading else left, clock()
        while not record.is_decided and clock() - begun < min(most, _patience(record, budget)):
            record.add(take_pair(arms, calls, coin, clock))
        if not (record.is_decided and test.verdict == "slower"):
            break
    record.spent = clock() - start
    return record


def _patience(record: Record, budget: float) -> float:
    """Return how many seconds of pairs a loading has: more for a case that may be slower."""
    return STRETCH * budget if record.all_pairs.ratio >= 1 + record.tolerance / 2 else budget


def take_pair(arms: Arms, calls: int, coin: random.Random, clock: Clock) -> Pair:
    """Observe both arms, *calls* calls each, in an order drawn now."""
    head_first = coin.random() < 0.5
    with _garbage_kept():
        first = _observe(arms[head_first], calls, clock)
        second = _observe(arms[not head_first], calls, clock)
    base, head = (second, first) if head_first else (first, second)
    return Pair(base, head, head_first)


def _observe(call: Call, calls: int, clock: Clock) -> float:
    """Return the seconds of one of *calls* calls."""
    start = clock()
    for _ in range(calls):
        call()
    return (clock() - start) / calls


def _warm_up(
    arms: Arms, coin: random.Random, clock: Clock, rounds: int, most: float = math.inf
) -> float:
    """Call both alike, in drawn orders; return the seconds of a call of the faster one.

    Calls that take more than *most* seconds together are made once each.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for arm in _shuffled((0, 1), coin):
            seconds[arm].append(_observe(arms[arm], 1, clock))
        if sum(map(sum, seconds)) > most:
            break
    return max(min(map(median, seconds)), 1e-9)


def _shuffled(places: Sequence[int], coin: random.Random) -> list[int]:
    return coin.sample(places, len(places))


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Hold the garbage collector off: which copy it would meet is no property of either."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
