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

from rayscale.gate.sequential import SlowdownTest
from rayscale.gate.terms import LOADINGS, Terms
from rayscale.text import duration

# Pairs of a case before any verdict: a median of fewer is no ground for one.  The second loading
# needs no 20 of its own.  Replayed on recorded noise (4,500 replays a rule, copies 2 % apart by
# their layout, far more than was measured), "slower" came 83 times, with 20 of its own 79 times.
FEWEST = 20
SHORTEST = 0.002  # seconds of an observation: below, the clock and the loop have a share in it
STRETCH = 3  # times its budget, for a case that may be slower and is not yet decided

Call = Callable[[], object]
Arms = tuple[Call, Call]  # base and head
Clock = Callable[[], float]


class BudgetError(Exception):
    """The budget cannot hold the fewest pairs, which take *needed* seconds."""

    def __init__(self, needed: float) -> None:
        super().__init__(f"{FEWEST} pairs take {duration(needed)}")
        self.needed = needed


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
    tests: list[SlowdownTest]
    pairs: list[list[Pair]]
    all_pairs: SlowdownTest  # for the ratio and the interval; holds at any time, as each one does
    spent: float = 0.0
    stretched: bool = field(default=False)


def compare(
    load: Callable[[int], Arms],
    terms: Terms,
    budget: float,
    most: float,
    coin: random.Random,
    clock: Clock = time.perf_counter,
) -> Record:
    """Take pairs of the arms that *load* returns, until the verdict is certain or time is up.

    *load* is called with 0 and, when the first test says "slower", with 1, for copies
    loaded afresh.  The *budget* is in seconds; a case that may be slower gets up to
    three budgets, but not more than *most*.  BudgetError, before any pair, if the budget
    cannot hold 20.
    """
    arms = load(0)
    seconds = _warm_up(arms, coin, clock, rounds=3)
    calls = max(1, math.ceil(SHORTEST / seconds))
    needed = FEWEST * 2 * calls * seconds
    if needed > budget:
        raise BudgetError(needed)
    record = Record(calls, [], [], SlowdownTest(terms.tolerance, terms.false_alarm, terms.miss))
    limit, start = budget, clock()
    for loading in range(LOADINGS):
        if loading:
            arms = load(loading)
            _warm_up(arms, coin, clock, rounds=1)
        own = terms.of_a_loading()
        test = SlowdownTest(own.tolerance, own.false_alarm, own.miss)
        record.tests.append(test)
        record.pairs.append([])
        while record.all_pairs.pairs < FEWEST or test.verdict == "undecided":
            record.spent = clock() - start
            if record.spent >= limit:
                if record.stretched or record.all_pairs.ratio < 1 + terms.tolerance / 2:
                    return record
                record.stretched = True
                limit = max(limit, min(STRETCH * budget, most))
                continue
            pair = take_pair(arms, calls, coin, clock)
            record.pairs[-1].append(pair)
            for one in (test, record.all_pairs):
                one.add(base=pair.base, head=pair.head)
        if test.verdict != "slower":
            break
    record.spent = clock() - start
    return record


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


def _warm_up(arms: Arms, coin: random.Random, clock: Clock, rounds: int) -> float:
    """Call both alike, in drawn orders; return the seconds of a call of the faster one."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for arm in _shuffled((0, 1), coin):
            seconds[arm].append(_observe(arms[arm], 1, clock))
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
