"""The sequential test on pairs: its wealth, its error rates, its interval."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad

from rayscale.gate import sequential
from rayscale.gate.sequential import SlowdownTest, log_wealth

TIMES = st.floats(1e-6, 1e3)

Slots = Iterator[tuple[float, ...]]  # the times of a pair's first and second slot
Noise = Callable[[np.random.Generator, SlowdownTest], Slots]


@pytest.fixture(scope="module", autouse=True)
def known_wealth() -> Iterator[None]:
    """Compute no wealth twice: simulations ask for the same thousands of times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequential, "log_wealth", functools.cache(log_wealth))
        yield


@pytest.mark.parametrize("tosses", [(0, 0), (1, 0), (0, 1), (5, 3), (30, 10), (10, 30), (200, 180)])
def test_wealth_is_its_integral(tosses: tuple[int, int]) -> None:
    """The closed form is 2 times the integral of (2p)**heads (2 - 2p)**tails from 1/2 to 1."""
    heads, tails = tosses
    integral, _ = quad(lambda p: 2 * (2 * p) ** heads * (2 - 2 * p) ** tails, 0.5, 1)

    assert math.exp(log_wealth(heads, tails)) == pytest.approx(integral, rel=1e-9)


@given(heads=st.integers(0, 300), tails=st.integers(0, 300))
def test_wealth_is_a_fair_game(heads: int, tails: int) -> None:
    """Against a fair coin the wealth after the next toss is, on average, the wealth before."""
    now = log_wealth(heads, tails)
    nexts = log_wealth(heads + 1, tails), log_wealth(heads, tails + 1)

    assert sum(math.exp(after - now) for after in nexts) / 2 == pytest.approx(1, rel=1e-9)


@given(pairs=st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=30), scale=st.floats(0.1, 10))
def test_verdict_does_not_depend_on_the_unit(
    pairs: list[tuple[float, float]], scale: float
) -> None:
    """Seconds or minutes: number of pairs and median ratio are the same."""
    seconds = SlowdownTest(0.05, 0.01, 0.01)
    scaled = SlowdownTest(0.05, 0.01, 0.01)
    for base, head in pairs:
        seconds.add(base, head)
        scaled.add(base * scale, head * scale)

    assert scaled.pairs == seconds.pairs == len(pairs)
    assert scaled.ratio == pytest.approx(seconds.ratio)


@given(tosses=st.lists(st.booleans(), max_size=60))
def test_wealth_obeys_its_recursion(tosses: list[bool]) -> None:
    """The closed form is the recursion, reckoned in whole numbers, where floats would fail."""
    wealth, heads, tails = Fraction(1), 0, 0
    for shows_heads in tosses:
        n = heads + tails
        if shows_heads:
            wealth = (2 * (heads + 1) * wealth + 1) / (n + 2)
            heads += 1
        else:
            wealth = (2 * (tails + 1) * wealth - 1) / (n + 2)
            tails += 1

    assert math.exp(log_wealth(heads, tails)) == pytest.approx(float(wealth), rel=1e-9)


def normal(rng: np.random.Generator, test: SlowdownTest) -> Slots:
    """Yield times with a spread of 5 %."""
    while True:
        yield from np.exp(0.05 * rng.standard_normal((20, 2))).tolist()


def heavy_tailed(rng: np.random.Generator, test: SlowdownTest) -> Slots:
    """Yield times without mean or variance."""
    while True:
        yield from np.exp(np.clip(0.05 * rng.standard_cauchy((20, 2)), -50, 50)).tolist()


def autocorrelated(rng: np.random.Generator, test: SlowdownTest) -> Slots:
    """Yield times around a level that wanders, half of it forgotten in 14 slots."""
    level = 0.0
    while True:
        level = 0.95 * level + 0.05 * rng.standard_normal()
        yield tuple(np.exp(level + 0.02 * rng.standard_normal(2)))


def drifting(rng: np.random.Generator, test: SlowdownTest) -> Slots:
    """Yield times that grow by 1 % from slot to slot: the second of a pair is always late."""
    for slot in itertools.count():
        yield tuple(np.exp(0.01 * np.array([2 * slot, 2 * slot + 1])))


def adversarial(rng: np.random.Generator, test: SlowdownTest) -> Slots:
    """Yield what would deceive: far apart while the head leads, close together while it lags."""
    while True:
        yield (1.0, 1.3) if test.pairs and test.ratio > 1 else (1.0, 1.001)


def recorded(rng: np.random.Generator, test: SlowdownTest) -> Slots:
    """Yield times of identical code from one of the recorded cases, from some place on."""
    slots = RECORDED[rng.integers(len(RECORDED))]
    for place in itertools.count(int(rng.integers(len(slots)))):
        yield tuple(slots[place % len(slots)])


def in_order_of_time(name: str) -> NDArray[np.float64]:
    """Return the recorded times of a case as they came: first and second of each pair."""
    with np.load(DATA) as data:
        times, first = data[name], data[f"{name}_first"]
    ordered: NDArray[np.float64] = np.where(first[:, np.newaxis] == 0, times, times[:, ::-1])
    return ordered


DATA = Path(__file__).parent / "data" / "pairs.npz"
RECORDED = [
    in_order_of_time(name) for name in ("serial", "vec", "per_row", "blocks", "whole", "naps")
]


@pytest.mark.parametrize("ratio", [1.0, 1.05])
@pytest.mark.parametrize(
    "noise", [normal, heavy_tailed, autocorrelated, drifting, adversarial, recorded]
)
def test_error_rates_hold(noise: Noise, ratio: float) -> None:
    """Equal code is called slower, and code 5 % slower not slower, as rarely as promised.

    The noise is that of a pair's two slots; a coin says in which of them the head runs.
    """
    rng = np.random.default_rng(seed=7)
    replays, rate = 900, 0.05
    wrong_verdict = {1.0: "slower", 1.05: "not slower"}[ratio]
    wrong = 0
    for _ in range(replays):
        test = SlowdownTest(tolerance=0.05, false_alarm=rate, miss=rate)
        for slots in itertools.islice(noise(rng, test), 120):
            head, base = slots if rng.random() < 0.5 else slots[::-1]
            test.add(base=base, head=head * ratio)
            if test.verdict != "undecided":
                break
        wrong += test.verdict == wrong_verdict
    # Three standard errors above the promised rate: 0.05 + 3 sqrt(0.05 * 0.95 / 900) = 0.072.
    assert wrong / replays <= 0.072, f"{wrong_verdict} in {wrong} of {replays} replays"


@pytest.mark.parametrize(
    ("case", "most"),
    [(0, 30), (1, 40), (2, 120), (3, 100)],  # about twice the medians that were measured
    ids=["serial", "vec", "per_row", "blocks"],
)
def test_slowdown_in_recorded_noise_is_caught(case: int, most: int) -> None:
    """Code 10 % slower, in noise that nobody made up, is called slower after few pairs."""
    rng = np.random.default_rng(seed=5)
    slots = RECORDED[case]
    needed = []
    for start in rng.integers(len(slots), size=101):
        test = SlowdownTest(tolerance=0.05, false_alarm=math.sqrt(0.01 / 24), miss=0.005)
        while test.verdict == "undecided":
            pair = slots[(start + test.pairs) % len(slots)]
            head, base = pair if rng.random() < 0.5 else pair[::-1]
            test.add(base=base, head=head * 1.1)
        needed.append(test.pairs if test.verdict == "slower" else math.inf)

    assert np.median(needed) <= most
    assert np.isfinite(needed).mean() >= 0.99


@given(
    pairs=st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=30), seed=st.integers(0, 2**32 - 1)
)
def test_ratio_does_not_depend_on_the_order(pairs: list[tuple[float, float]], seed: int) -> None:
    """The median ratio and its interval are those of the pairs, in whatever order they came."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    shuffled = SlowdownTest(0.05, 0.01, 0.01)
    for base, head in pairs:
        test.add(base, head)
    for base, head in np.random.default_rng(seed).permutation(pairs):
        shuffled.add(base, head)

    assert shuffled.ratio == test.ratio
    assert shuffled.interval(0.9) == test.interval(0.9)


def test_interval_covers_at_random_stopping_times() -> None:
    """A 90 % interval holds the true ratio at all 100 pairs, in 90 % of replays or more."""
    rng = np.random.default_rng(seed=11)
    replays, covered = 500, 0
    for _ in range(replays):
        test = SlowdownTest(0.05, 0.01, 0.01)
        held = True
        for error in rng.standard_normal(100) * 0.1:
            test.add(base=1.0, head=float(1.02 * np.exp(error)))
            low, high = test.interval(confidence=0.9)
            held &= low <= 1.02 <= high
        covered += held

    assert covered / replays >= 0.9, f"{covered} of {replays}"


def test_interval_is_everything_while_it_cannot_be_finite() -> None:
    """A few pairs bound nothing."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    test.add(base=1.0, head=1.1)

    assert test.interval(0.99) == (0.0, math.inf)


def test_slowdown_is_caught_and_stays() -> None:
    """Code 20 % slower is called slower, and later pairs do not take that back."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    for _ in range(30):
        test.add(base=1.0, head=1.2)
    for _ in range(500):
        test.add(base=1.0, head=0.8)

    assert test.verdict == "slower"


def test_faster_head_is_faster_after_thousands_of_pairs() -> None:
    """A head that is faster in each of 1,200 pairs has its verdict and its interval.

    The chance that a fair coin shows tails 1,075 times, 2**-1075, is below the smallest float.
    """
    test = SlowdownTest(0.05, 0.01, 0.01)
    for _ in range(1200):
        test.add(base=1.0, head=0.8)

    assert test.verdict == "not slower"
    assert test.interval(0.99) == pytest.approx((0.8, 0.8))


def test_small_slowdown_is_not_called_slower() -> None:
    """Code 1 % slower in every pair is inside the tolerance, however sure one is of it."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    for _ in range(30):
        test.add(base=1.0, head=1.01)

    assert test.verdict == "not slower"


def test_slowdown_below_half_the_tolerance_is_not_called_slower() -> None:
    """Code 2 % slower is not called slower at a tolerance of 5 %, though it surely is no faster.

    After 20 pairs the wealth is 2**21 / 21 = 99,864 against either coin: above 1 / 0.01, which
    refutes "no slower", and below 1 / 1e-9, so that "slower by 5 %" is not yet refuted.
    """
    test = SlowdownTest(tolerance=0.05, false_alarm=0.01, miss=1e-9)
    verdicts = []
    for _ in range(40):
        test.add(base=1.0, head=1.02)
        verdicts.append(test.verdict)

    assert verdicts[:20] == ["undecided"] * 20
    assert verdicts[-1] == "not slower"
    assert "slower" not in verdicts


def test_ties_refute_no_coin_of_slowness() -> None:
    """Equal times never speak for slower: 26 slower pairs among 24 ties are 26 heads of 50."""
    ties = SlowdownTest(0.05, 0.01, 0.01)
    mixed = SlowdownTest(0.05, 0.01, 0.01)
    for number in range(50):
        ties.add(base=1.0, head=1.0)
        mixed.add(base=1.0, head=1.1 if number % 2 or number in (0, 2) else 1.0)

    assert ties.verdict == "not slower"
    assert ties.ratio == 1.0
    assert mixed.verdict == "undecided"
    assert mixed.ratio == pytest.approx(1.1)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_pair_must_be_times(bad: float) -> None:
    """A time that is not finite and above 0 is a ValueError that names it, and is not counted."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    with pytest.raises(ValueError, match="head="):
        test.add(base=1.0, head=bad)

    assert test.pairs == 0


def test_rates_must_be_shares() -> None:
    """A tolerance of 5 is a ValueError that says what 5 % is."""
    with pytest.raises(ValueError, match=r"tolerance=5 is not between 0 and 1; 0\.05 is 5 %"):
        SlowdownTest(tolerance=5, false_alarm=0.01, miss=0.01)
