"""The sequential test on pairs: its wealth, its error rates, its interval."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from rayscale.analysis.sequential import SlowdownTest, log_wealth

TIMES = st.floats(1e-6, 1e3)


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


@pytest.mark.parametrize("noise", ["normal", "cauchy", "drift"])
def test_error_rates_hold(noise: str) -> None:
    """Equal code is called slower, and code 5 % slower not slower, as rarely as promised."""
    rng = np.random.default_rng(seed=7)
    replays, rate = 1000, 0.05
    wrong = {1.0: 0, 1.05: 0}
    for ratio, verdict in ((1.0, "slower"), (1.05, "not slower")):
        for _ in range(replays):
            test = SlowdownTest(tolerance=0.05, false_alarm=rate, miss=rate)
            drift = np.linspace(0, 1, 120) if noise == "drift" else np.zeros(120)
            draws = rng.standard_cauchy if noise == "cauchy" else rng.standard_normal
            for slot, errors in zip(drift, draws((120, 2)) * 0.05, strict=True):
                base, head = np.exp(np.clip(errors + slot, -50, 50))
                test.add(base=base, head=head * ratio)
                if test.verdict != "undecided":
                    break
            wrong[ratio] += test.verdict == verdict
    # Three standard errors above the promised rate: 0.05 + 3 sqrt(0.05 * 0.95 / 1000) = 0.071.
    assert max(wrong.values()) / replays <= 0.071, f"{noise}: {wrong} wrong of {replays} each"


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


def test_small_slowdown_is_not_called_slower() -> None:
    """Code 1 % slower in every pair is inside the tolerance, however sure one is of it."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    for _ in range(30):
        test.add(base=1.0, head=1.01)

    assert test.verdict == "not slower"


def test_ties_refute_no_coin_of_slowness() -> None:
    """Equal times never speak for slower."""
    test = SlowdownTest(0.05, 0.01, 0.01)
    for _ in range(50):
        test.add(base=1.0, head=1.0)

    assert test.verdict == "not slower"
    assert test.ratio == 1.0


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
