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
from dataclasses import dataclass
from statistics import median

from rayscale.gate.sequential import SlowdownTest, shows
from rayscale.gate.terms import Terms
from rayscale.surroundings.counters import lost
from rayscale.surroundings.watch import Watch
from rayscale.verdict import CONFIDENCE

SHORTEST = 0.002  # seconds of an observation: below, the clock and the loop have a share in it
PATIENCE = 3  # times the pairs of "not slower", until it is clear
STRETCH = 3  # times its budget, for a case that may be slower and is not yet decided
WARM_UP = 0.1  # of the budget: a first round of calls that takes longer is the only one
WARM_UPS = 3  # rounds of calls before the first pair: caches fill, and the calls' cost is known
FEWEST = 11  # pairs that the clearest case needs, with what 1 % errors ask for
MOST = 1000  # pairs: what is undecided then is too close to an edge

Clock = Callable[[], float]


@dataclass(frozen=True)
class Cost:
    """Seconds of a call: in the clock, and with what is done around it, outside."""

    inside: float
    whole: float


# Observes a number of calls: returns their seconds inside the clock, and outside and inside.
Arm = Callable[[int], Cost]
Arms = tuple[Arm, Arm]  # base and head


@dataclass(frozen=True)
class Pair:
    """Seconds a call, of one observation of each copy."""

    base: float
    head: float
    head_first: bool
    lost: float = 0.0  # seconds of all CPUs that others had meanwhile


@dataclass(frozen=True)
class Loading:
    """What was seen of a case on one loading of both revisions."""

    pairs: Sequence[Pair]
    calls: int  # of each observation
    spent: float  # seconds, with those of warming up
    needed: float  # seconds that the fewest pairs which can decide anything take
    outside: float = 0.0  # CPUs that others used meanwhile, on average, as far as known

    def test(self, terms: Terms) -> SlowdownTest:
        """Return the test of these pairs, in their order."""
        own = terms.of_a_loading()
        return all_pairs(own, [self])


def all_pairs(terms: Terms, loadings: Sequence[Loading]) -> SlowdownTest:
    """Return a test that has been given all pairs of *loadings*."""
    test = SlowdownTest(terms.tolerance, terms.false_alarm, terms.miss)
    for loading in loadings:
        for pair in loading.pairs:
            test.add(base=pair.base, head=pair.head)
    return test


def first_pairs(loading: Loading) -> float:
    """Return the median ratio of the fewest pairs that any verdict takes; nan if there are none.

    A verdict comes sooner where the head happens to look good, so that the ratios of all pairs are,
    over many cases, a little too low.  These do not depend on what was seen.
    """
    ratios = [pair.head / pair.base for pair in loading.pairs[:FEWEST]]
    return median(ratios) if ratios else math.nan


def is_settled(test: SlowdownTest, terms: Terms, decided: int, *, is_last: bool) -> bool:
    """Tell whether one loading has seen enough: "slower", or "not slower" and clearly so.

    "Not slower" is clear where the interval ends below half the tolerance: what seat or layout cost
    is then inside the other half.  It is not looked for on the last loading, nor beyond three times
    the pairs after which the test *decided*: the next loading decides, and sooner.  "Slower" is
    clear where what is shown beside it agrees.
    """
    if test.verdict == "undecided":
        return False
    if test.verdict == "not slower" and (is_last or test.pairs >= PATIENCE * decided):
        return True
    seen = test.interval(CONFIDENCE)
    if test.verdict == "not slower":
        return seen.high < 1 + terms.tolerance / 2
    return shows(test.ratio, seen, terms.tolerance)


def compare(
    arms: Arms,
    terms: Terms,
    budget: float,
    coin: random.Random,
    clock: Clock = time.perf_counter,
    *,
    is_last: bool = False,
) -> Loading:
    """Take pairs of *arms* until this loading, *is_last* of the case, has seen enough.

    It has *budget* seconds at most, and three times as many while the case may be slower.  No pair
    is begun that would not end in time, as far as the calls' cost tells.
    """
    start, watch = clock(), Watch(needed=1)
    own = terms.of_a_loading()
    test = SlowdownTest(own.tolerance, own.false_alarm, own.miss)
    pairs: list[Pair] = []
    with _frozen():
        calls, cost = _warm_up(arms, coin, clock, budget)
        gc.freeze()
        each = 2 * calls * cost.whole
        decided = 1  # the number of the pair with which the test decides
        while not is_settled(test, terms, decided, is_last=is_last) and len(pairs) < MOST:
            patience = STRETCH * budget if test.ratio >= 1 + terms.tolerance / 2 else budget
            if clock() - start + each > patience:
                break
            pairs.append(take_pair(arms, calls, coin))
            test.add(base=pairs[-1].base, head=pairs[-1].head)
            decided += test.verdict == "undecided"
    seen = watch.stop()
    outside = (seen and seen.outside) or 0.0
    return Loading(pairs, calls, clock() - start, FEWEST * each, outside)


@contextmanager
def _frozen() -> Iterator[None]:
    """Have the garbage collector leave alone what there is now, of either world.

    Else a collection inside a call, whichever it is, walks through all objects of both.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def calls_of(cost: Cost, budget: float) -> int:
    """Return how many calls an observation has: enough for the clock, and for pairs in the budget.

    Cheap calls whose setup is dear are few: four times the fewest pairs must fit in.

    >>> calls_of(Cost(inside=1e-6, whole=1e-6), budget=30)
    2000
    >>> calls_of(Cost(inside=1e-6, whole=1e-3), budget=30)
    340
    >>> calls_of(Cost(inside=1.0, whole=1.0), budget=30)
    1
    """
    wanted = SHORTEST / cost.inside
    affordable = budget / (4 * FEWEST * 2 * cost.whole)
    return max(1, math.floor(min(wanted, affordable)))


def take_pair(arms: Arms, calls: int, coin: random.Random) -> Pair:
    """Observe both arms, *calls* calls each, in an order drawn now."""
    before = lost()
    head_first = coin.random() < 0.5
    first = arms[head_first](calls).inside
    second = arms[not head_first](calls).inside
    base, head = (second, first) if head_first else (first, second)
    return Pair(base, head, head_first, lost() - before)


def _warm_up(arms: Arms, coin: random.Random, clock: Clock, budget: float) -> tuple[int, Cost]:
    """Call both alike, in drawn orders; return how many calls an observation has, and a cost.

    The first calls are slow, so the number is settled anew after each round.  Calls that take long
    are made once each.
    """
    calls, start = 1, clock()
    for _ in range(WARM_UPS):
        seen = {arm: arms[arm](calls) for arm in coin.sample((0, 1), 2)}
        cost = Cost(
            max(min(one.inside for one in seen.values()), 1e-9),
            max(min(one.whole for one in seen.values()), 1e-9),
        )
        calls = calls_of(cost, budget)
        if clock() - start > WARM_UP * budget:
            break
    return calls, cost
