"""Pairs: what is called, in which order, how often, and when a loading ends."""

import gc
import itertools
import random
from dataclasses import dataclass, field

import pytest

from rayscale.gate.pairs import Arm, Cost, Loading, Pair, all_pairs, calls_of, compare, take_pair
from rayscale.gate.terms import Terms

TERMS = Terms(tolerance=0.05, false_alarm=0.01, miss=0.01)
# Pairs that all speak for one verdict, until it may be given: of 11 tosses that all show heads the
# wealth is (2**12 - 1) / 12 = 341, of 10 it is 186; either end of a 99 % interval asks for 200.
FEWEST = 11


@dataclass
class Machine:
    """A machine whose clock runs only while something is called."""

    now: float = 0.0
    called: list[str] = field(default_factory=list)
    most: int = 0  # calls of an observation
    was_collecting: set[bool] = field(default_factory=set)

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def arm(self, name: str, seconds: float, around: float = 0.0) -> Arm:
        """Return an arm whose calls take *seconds*, and as many more as *around* says, outside."""

        def observe(calls: int) -> Cost:
            self.now += calls * (seconds + around)
            self.called.append(name)
            self.most = max(self.most, calls)
            self.was_collecting.add(gc.get_freeze_count() > 0)
            return Cost(seconds, seconds + around)

        return observe

    def compare(
        self, head: float, base: float = 0.01, around: float = 0.0, budget: float = 30.0
    ) -> Loading:
        """Compare a base with a head that takes *head* seconds."""
        arms = self.arm("base", base, around), self.arm("head", head, around)
        return compare(arms, TERMS, budget, random.Random(1), self.clock)


def test_same_code_ends_as_soon_as_the_wealth_allows() -> None:
    """Code that takes as long is not slower; 11 pairs say so."""
    seen = Machine().compare(0.01)
    assert (seen.test(TERMS).verdict, len(seen.pairs)) == ("not slower", FEWEST)


def test_a_tenth_slower_is_seen_as_soon_as_the_interval_agrees() -> None:
    """The test says so after 5 pairs, its interval after 11."""
    seen = Machine().compare(0.011)
    assert (seen.test(TERMS).verdict, len(seen.pairs)) == ("slower", FEWEST)


def test_three_per_cent_is_looked_at_until_it_is_slower() -> None:
    """Beyond half the tolerance, "not slower" is not clear: all pairs say slower here."""
    seen = Machine().compare(0.0103)
    assert seen.test(TERMS).verdict == "slower" or len(seen.pairs) > FEWEST


def test_order_is_drawn_for_each_pair() -> None:
    """Head is first in about half of the pairs, and the times go to the right side."""
    machine, coin = Machine(), random.Random(2)
    arms = machine.arm("base", 1.0), machine.arm("head", 2.0)
    pairs = [take_pair(arms, 1, coin) for _ in range(400)]
    # 400 tosses of a fair coin: five standard deviations are 50.
    assert 150 < sum(pair.head_first for pair in pairs) < 250
    assert {(pair.base, pair.head) for pair in pairs} == {(1.0, 2.0)}
    firsts = machine.called[::2]
    assert firsts == ["head" if pair.head_first else "base" for pair in pairs]


def test_short_calls_are_observed_many_at_a_time() -> None:
    """An observation lasts 2 ms: 20 calls of 100 us."""
    machine = Machine()
    assert machine.compare(1e-4, base=1e-4).calls == machine.most == 20


def test_dear_setup_leaves_few_calls() -> None:
    """A setup of a thousand times the call still leaves 44 pairs in the budget."""
    seen = Machine().compare(1e-6, base=1e-6, around=1e-3)
    assert seen.calls == calls_of(Cost(1e-6, 1.001e-3), 30.0) == 340
    assert len(seen.pairs) == FEWEST


@pytest.mark.parametrize("seconds", [1.0, 2.0, 10.0])
def test_long_calls_end_in_the_budget(seconds: float) -> None:
    """No pair is begun that would not end in time; what the fewest pairs need is said."""
    machine = Machine()
    seen = machine.compare(seconds, base=seconds)
    assert machine.now <= 30.0
    assert seen.needed == pytest.approx(FEWEST * 2 * seconds)


def test_no_time_for_a_pair_leaves_none() -> None:
    """Calls longer than the budget are warmed up, and not compared."""
    seen = Machine().compare(40.0, base=40.0)
    assert seen.pairs == []


def test_what_may_be_slower_gets_three_times_the_budget() -> None:
    """Pairs that go to and fro, with a median beyond half the tolerance, go on for 90 s."""
    machine = Machine()
    heads = itertools.cycle([1.2, 0.99, 1.04, 0.98, 1.2, 1.03, 0.97, 1.03])

    def head(calls: int) -> Cost:
        seconds = next(heads)
        machine.now += calls * seconds
        return Cost(seconds, seconds)

    seen = compare((machine.arm("base", 1.0), head), TERMS, 30.0, random.Random(1), machine.clock)
    assert seen.spent > 30.0
    assert seen.spent <= 90.0


def test_garbage_is_left_alone_during_pairs_and_after() -> None:
    """What there is before is frozen for a while, for both arms alike."""
    machine = Machine()
    machine.compare(0.01)
    assert machine.was_collecting == {True}
    assert gc.get_freeze_count() == 0


def test_all_pairs_of_two_loadings_feed_one_test() -> None:
    """The ratio that is shown is that of all pairs."""
    first = Loading([Pair(1.0, 1.1, head_first=True)] * 3, 1, 1.0, 1.0)
    second = Loading([Pair(1.0, 1.3, head_first=False)] * 4, 1, 1.0, 1.0)
    both = all_pairs(TERMS, [first, second])
    assert both.pairs == 7
    assert both.ratio == pytest.approx(1.3)
