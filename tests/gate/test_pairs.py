"""Pairs: what is called, in which order, how often, and when it ends."""

import gc
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from rayscale.gate.pairs import FEWEST, Arms, BudgetError, Record, compare, take_pair
from rayscale.gate.terms import Terms

TERMS = Terms(tolerance=0.05, false_alarm=0.01, miss=0.01)


@dataclass
class Machine:
    """A machine whose clock runs only while something is called."""

    now: float = 0.0
    called: list[str] = field(default_factory=list)
    loaded: list[int] = field(default_factory=list)

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        """Return what takes *seconds* and notes its *name*."""

        def run() -> None:
            self.now += seconds
            self.called.append(name)

        return run

    def compare(self, *heads: float, base: float = 0.01, **settings: float) -> Record:
        """Compare a base with a head that takes, in each loading, what *heads* says."""

        def load(loading: int) -> tuple[Callable[[], None], Callable[[], None]]:
            self.loaded.append(loading)
            return self.call("base", base), self.call("head", heads[loading])

        limits = {"budget": 30.0, "most": 90.0} | settings
        return compare(load, TERMS, **limits, coin=random.Random(1), clock=self.clock)


def verdicts(record: Record) -> list[str]:
    """Return the verdicts of a record's tests."""
    return [test.verdict for test in record.tests]


def test_same_code_ends_after_the_fewest_pairs() -> None:
    """Code that takes as long is not slower; 20 pairs say so, on one loading."""
    machine = Machine()
    record = machine.compare(0.01, 0.01)

    assert verdicts(record) == ["not slower"]
    assert [len(pairs) for pairs in record.pairs] == [FEWEST]
    assert machine.loaded == [0]


def test_slower_is_seen_twice() -> None:
    """Code that takes a tenth longer is slower on a first loading and on a second."""
    machine = Machine()
    record = machine.compare(0.011, 0.011)

    assert verdicts(record) == ["slower", "slower"]
    assert machine.loaded == [0, 1]
    assert record.all_pairs.pairs == sum(len(pairs) for pairs in record.pairs)
    assert record.all_pairs.ratio == pytest.approx(1.1)


def test_slower_on_one_loading_alone_is_contradicted() -> None:
    """What one loading alone makes slower is not slower on the next: the layout was it."""
    assert verdicts(Machine().compare(0.011, 0.01)) == ["slower", "not slower"]


def test_first_call_of_a_loaded_copy_is_in_no_pair() -> None:
    """On each loading both copies are called before the first pair: a first call takes longer."""
    machine = Machine()

    def just_loaded(seconds: float) -> Callable[[], None]:
        lengths = itertools.chain([1.0], itertools.repeat(seconds))

        def run() -> None:
            machine.now += next(lengths)

        return run

    def load(loading: int) -> Arms:
        return just_loaded(0.01), just_loaded(0.011)

    record = compare(load, TERMS, 30.0, 90.0, random.Random(1), machine.clock)

    assert verdicts(record) == ["slower", "slower"]
    assert {round(pair.base, 6) for loading in record.pairs for pair in loading} == {0.01}
    assert {round(pair.head, 6) for loading in record.pairs for pair in loading} == {0.011}


def test_case_has_spent_all_of_its_pairs() -> None:
    """What a case has spent is the time of all its pairs, the last one and both loadings."""
    same = Machine().compare(0.01, 0.01)
    assert same.spent == pytest.approx(FEWEST * (0.01 + 0.01))

    slower = Machine().compare(0.011, 0.011)
    pairs = sum(len(loading) for loading in slower.pairs)
    warm_up = 0.01 + 0.011  # of the second loading
    assert slower.spent == pytest.approx(pairs * (0.01 + 0.011) + warm_up)


def test_budget_too_small_is_refused_before_any_pair() -> None:
    """A budget that cannot hold 20 pairs is refused after the warm-up, with one that can."""
    machine = Machine()
    with pytest.raises(BudgetError, match=r"20 pairs take 40\.0 s"):
        machine.compare(1.0, base=1.0)

    assert len(machine.called) == 6  # three times each, to warm up


def test_case_that_may_be_slower_gets_three_budgets() -> None:
    """Undecided and 2.5 % slower or more: three budgets; the session's rest, if that is less."""
    noisy = [0.01, 0.0104]
    for most, least in ((90.0, 89.0), (40.0, 39.0), (0.0, 29.0)):
        record = undecided(noisy, most)
        assert least <= record.spent <= least + 1.5


def undecided(heads: list[float], most: float) -> Record:
    """Compare a base with a head that takes one of *heads* by turns, so that nothing is certain."""
    machine = Machine()
    turn = {"count": 0}

    def head() -> None:
        turn["count"] += 1
        seconds = 0.0098 if turn["count"] % 5 < 2 else 0.012
        machine.call("head", seconds)()

    arms = machine.call("base", 0.01), head
    terms = Terms(tolerance=0.05, false_alarm=1e-300, miss=1e-300)
    return compare(lambda _: arms, terms, 30.0, most, coin=random.Random(1), clock=machine.clock)


def test_short_calls_are_repeated_equally_often() -> None:
    """A call of 0.3 ms is made 7 times an observation, to last 2 ms, of either copy."""
    machine = Machine()
    record = machine.compare(0.0003, base=0.0003)

    assert record.calls == math.ceil(2 / 0.3) == 7
    assert machine.called.count("base") == machine.called.count("head") == 3 + 7 * FEWEST
    assert record.pairs[0][0].base == pytest.approx(0.0003)


def test_order_is_a_fresh_coin() -> None:
    """Each pair's order is drawn anew: both orders come, in runs, and the record says which."""
    machine = Machine()
    arms = machine.call("base", 0.01), machine.call("head", 0.02)
    pairs = [take_pair(arms, 1, random.Random(seed), machine.clock) for seed in range(200)]
    firsts = machine.called[::2]

    assert firsts == ["head" if pair.head_first else "base" for pair in pairs]
    assert 70 <= firsts.count("head") <= 130  # 100, and four standard errors of 7.1
    assert all(pair.head == pytest.approx(2 * pair.base) for pair in pairs)


def test_no_garbage_is_collected_inside_a_pair() -> None:
    """The collector is off while a pair runs, and on again after it."""
    states: list[bool] = []
    arms = (lambda: states.append(gc.isenabled()), lambda: states.append(gc.isenabled()))
    take_pair(arms, 1, random.Random(1), Machine().clock)

    assert states == [False, False]
    assert gc.isenabled()
