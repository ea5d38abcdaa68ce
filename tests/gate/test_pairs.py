"""Pairs: what is called, in which order, how often, and when it ends."""

import gc
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from rayscale.gate.pairs import Arms, Record, compare, take_pair
from rayscale.gate.terms import Terms

TERMS = Terms(tolerance=0.05, false_alarm=0.01, miss=0.01)
# Pairs that all speak for one verdict, until it may be given: of 11 tosses that all show heads the
# wealth is (2**12 - 1) / 12 = 341, of 10 it is 186; half a miss of 1 %, and either end of a 99 %
# interval, ask for 200.
FEWEST = 11


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

        limits = {"budget": 30.0, "left": 90.0} | settings
        return compare(load, TERMS, **limits, coin=random.Random(1), clock=self.clock)


def verdicts(record: Record) -> list[str]:
    """Return the verdicts of a record's tests."""
    return [test.verdict for test in record.tests]


def test_same_code_ends_as_soon_as_the_wealth_allows() -> None:
    """Code that takes as long is not slower; 11 pairs say so, on one loading."""
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
    # A share of 0.1 of the false alarms asks for five pairs, an interval above 1 for eleven.
    assert [len(pairs) for pairs in record.pairs] == [FEWEST, 5]
    assert record.all_pairs.pairs == FEWEST + 5
    assert record.all_pairs.ratio == pytest.approx(1.1)
    assert record.all_pairs.interval(0.99).low > 1


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
    """What a case has spent is the time of its calls, the last ones and both loadings' too."""
    same = Machine().compare(0.01, 0.01)
    assert same.spent == pytest.approx((3 + FEWEST) * (0.01 + 0.01))

    slower = Machine().compare(0.011, 0.011)
    pairs = sum(len(loading) for loading in slower.pairs)
    warm_up = 3 + 1  # rounds, of the first loading and the second
    assert slower.spent == pytest.approx((pairs + warm_up) * (0.01 + 0.011))


@pytest.mark.parametrize(("seconds", "pairs"), [(1.0, 8), (4.0, 2), (60.0, 1)])
def test_time_that_is_up_leaves_a_case_undecided(seconds: float, pairs: int) -> None:
    """Too few pairs are no error; long calls are made once to warm up, and once at least."""
    machine = Machine()
    record = machine.compare(seconds, base=seconds, budget=15.0)

    assert verdicts(record) == ["undecided"]
    assert [len(loading) for loading in record.pairs] == [pairs]
    assert machine.called.count("base") == machine.called.count("head") == 1 + pairs


def test_case_has_no_more_than_the_session_has_left() -> None:
    """Nor the first loading of one that may be slower."""
    assert undecided(left=2.0).spent == pytest.approx(2.0, abs=0.1)


def test_case_that_may_be_slower_gets_three_budgets() -> None:
    """Undecided and 2.5 % slower or more: three budgets; else one."""
    assert undecided(left=1e3).spent == pytest.approx(30, abs=0.1)
    assert undecided(left=1e3, slow=0.0101).spent == pytest.approx(10, abs=0.1)


def test_second_loading_has_time_of_its_own() -> None:
    """A case found slower at the session's end is contradicted or confirmed all the same."""
    machine = Machine()
    record = machine.compare(0.011, 0.011, left=FEWEST * 0.021)

    assert verdicts(record) == ["slower", "slower"]
    assert [len(loading) for loading in record.pairs] == [FEWEST, 5]


def undecided(left: float, slow: float = 0.012) -> Record:
    """Compare a base with a head that is *slow* in three calls of five: nothing gets certain."""
    machine, turns = Machine(), itertools.count(1)

    def head() -> None:
        machine.call("head", 0.0098 if next(turns) % 5 < 2 else slow)()

    arms = machine.call("base", 0.01), head
    terms = Terms(tolerance=0.05, false_alarm=1e-300, miss=1e-300)
    return compare(lambda _: arms, terms, 10.0, left, coin=random.Random(1), clock=machine.clock)


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
