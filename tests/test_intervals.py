"""The intervals against enumeration and simulation."""

from collections.abc import Callable
from fractions import Fraction
from math import comb, log
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import quantile_test

from rayscale.intervals import Interval, correlation, median_interval, round_interval, speed_up

Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]

REPLAYS = 2000
CONFIDENCES = ("0.8", "0.85", "0.9", "0.95", "0.975", "0.98", "0.99")
# Each with its median: e**-x is 1/2 at ln 2.
DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(10, 1, shape), 10.0),
    "exponential": (lambda rng, shape: rng.standard_exponential(shape), log(2)),
    "cauchy": (lambda rng, shape: rng.standard_cauchy(shape), 0.0),
}
# Hypothesis' own limits on time would make a loaded machine fail the tests.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
seconds_lists = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=30)


def largest_rank(rounds: int, confidence: Fraction) -> int:
    """Return the largest k for which 2 P(B < k) is at most 1 - confidence, by adding up."""
    rank, outside = 0, Fraction(0)
    while True:
        outside += 2 * Fraction(comb(rounds, rank), 2**rounds)
        if outside > 1 - confidence:
            return rank
        rank += 1


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_median_interval_agrees_with_enumeration(confidence: str) -> None:
    """The bounds are the k-th values from both ends, k from the binomial by exact fractions."""
    for rounds in range(1, 41):
        rank = largest_rank(rounds, Fraction(confidence))
        expected = Interval(rank, rounds + 1 - rank) if rank else None  # of 1, 2, ..., rounds
        ordered = [float(value) for value in range(1, rounds + 1)]
        assert median_interval(ordered, float(confidence)) == expected, f"{rounds} rounds"


@pytest.mark.parametrize(
    ("rounds", "confidence", "expected"),
    [
        # One from each end misses with 2 / 2**n: 1/32 at 6 (96.9 %), 1/64 at 7 (98.4 %).
        (6, 0.95, Interval(1, 6)),
        (6, 0.975, None),
        (7, 0.975, Interval(1, 7)),
        # Two from each end miss with 2 (1 + n) / 2**n: 20/512 at 9 (96.1 %), 22/1024 at 10.
        (9, 0.975, Interval(1, 9)),
        (10, 0.975, Interval(2, 9)),
        (1, 0.975, None),
        (0, 0.975, None),
    ],
)
def test_median_interval_needs_enough_rounds(
    rounds: int, confidence: float, expected: Interval | None
) -> None:
    """Where even all rounds cannot hold the median often enough, there is no interval."""
    assert median_interval(range(1, rounds + 1), confidence) == expected


@pytest.mark.parametrize("rounds", [7, 12, 50])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_median_interval_holds_median(distribution: str, rounds: int) -> None:
    """In seeded replays the median lies inside as often as promised, whatever the distribution."""
    draw, median = DISTRIBUTIONS[distribution]
    samples = draw(np.random.default_rng(seed=1936), (REPLAYS, rounds))
    intervals = [median_interval(sample.tolist(), 0.975) for sample in samples]
    rate = np.mean([each is not None and each.low <= median <= each.high for each in intervals])
    error = np.sqrt(0.975 * 0.025 / REPLAYS)  # 0.35 %
    assert rate >= 0.975 - 3 * error, f"held the median in {rate:.2%} of the replays"


@unhurried
@given(seconds=seconds_lists, data=st.data())
def test_median_interval_ignores_order(seconds: list[float], data: st.DataObject) -> None:
    """The order of the rounds does not matter."""
    shuffled = data.draw(st.permutations(seconds))
    assert median_interval(shuffled, 0.975) == median_interval(seconds, 0.975)


@unhurried
@given(seconds=seconds_lists, power=st.integers(-20, 20))
def test_median_interval_scales_with_unit(seconds: list[float], power: int) -> None:
    """In another unit the same rounds give the same interval; powers of two make it exact."""
    unit = 2.0**power
    interval = median_interval(seconds, 0.975)
    scaled = median_interval([unit * each for each in seconds], 0.975)
    assert scaled == (interval and (unit * interval.low, unit * interval.high))


@unhurried
@given(seconds=seconds_lists)
def test_median_interval_holds_sample_median(seconds: list[float]) -> None:
    """The median of the rounds themselves is always inside."""
    interval = median_interval(seconds, 0.975)
    assert interval is None or interval.low <= np.median(seconds) <= interval.high


def test_median_interval_of_many_rounds() -> None:
    """A hundred thousand rounds are no trouble, and leave a narrow interval."""
    interval = median_interval(range(100_000), 0.975)
    assert interval is not None
    # The rank is normal by then: 50_000 -+ 2.2414 * sqrt(100_000) / 2 = 50_000 -+ 354.4.
    assert interval.low == pytest.approx(50_000 - 354.4, abs=2)
    assert interval.high == pytest.approx(50_000 + 354.4, abs=2)


def test_speed_up_divides_opposite_ends() -> None:
    """The least ratio is serial's low over parallel's high, the greatest the other way round."""
    assert speed_up(Interval(4, 6), Interval(1, 2)) == Interval(4 / 2, 6 / 1)


@pytest.mark.parametrize("rounds", [7, 12])
@pytest.mark.parametrize("distribution", ["normal", "exponential"])
def test_speed_up_holds_ratio(distribution: str, rounds: int) -> None:
    """From two 97.5 % intervals it holds the true ratio of medians in 95 % of replays or more."""
    draw, _ = DISTRIBUTIONS[distribution]
    rng = np.random.default_rng(seed=95)
    held = 0
    for serial, parallel in zip(
        3 * draw(rng, (REPLAYS, rounds)), draw(rng, (REPLAYS, rounds)), strict=True
    ):
        ends = [median_interval(times.tolist(), 0.975) for times in (serial, parallel)]
        assert ends[0] is not None
        assert ends[1] is not None
        ratio = speed_up(ends[0], ends[1])
        held += ratio.low <= 3 <= ratio.high
    assert held / REPLAYS >= 0.95, f"held the ratio in {held / REPLAYS:.2%} of the replays"


def test_median_interval_is_scipys() -> None:
    """SciPy's quantile test has the same bounds; it takes forty times as long."""
    draw = np.random.default_rng(5)
    for rounds in range(1, 101):
        seconds = draw.normal(10, 1, rounds).tolist()
        theirs: Any = quantile_test(seconds, p=0.5).confidence_interval(0.975)
        expected = None if np.isnan(theirs.low) else (theirs.low, theirs.high)
        assert median_interval(seconds, 0.975) == expected, f"{rounds} rounds"


@pytest.mark.parametrize("rounds", [7, 12, 40, 200])
def test_independent_rounds_are_rarely_called_correlated(rounds: int) -> None:
    """At most 0.5 % of independent rounds, whatever their distribution, show so much."""
    draw = np.random.default_rng(6)
    found = [correlation(draw.standard_cauchy(rounds).tolist()) for _ in range(2000)]
    # One standard error of the rate is 0.16 %.
    assert np.mean([one is not None for one in found]) <= 0.005 + 2 * 0.0016


def test_correlated_rounds_are_found() -> None:
    """Of 100 rounds that each keep 0.7 of the one before, nearly all are found, with the figure."""
    draw = np.random.default_rng(7)
    found = [correlation(drifting(draw, 100, 0.7)) for _ in range(200)]
    assert sum(one is None for one in found) <= 4
    assert np.mean([one for one in found if one]) == pytest.approx(0.65, abs=0.05)


def test_equal_rounds_are_not_correlated() -> None:
    """A clock that always says the same leaves nothing to correlate."""
    assert correlation([1.0] * 50) is None


def drifting(draw: np.random.Generator, rounds: int, kept: float) -> list[float]:
    """Return rounds of median 0 that each keep a part of the one before."""
    found = [float(draw.normal())]
    for _ in range(rounds - 1):
        found.append(kept * found[-1] + float(draw.normal(0, (1 - kept**2) ** 0.5)))
    return found


@pytest.mark.parametrize("kept", [0.5, 0.8])
def test_round_interval_holds_the_median_of_correlated_rounds(kept: float) -> None:
    """Of 200 rounds each, in 97.5 % of 500 runs; the plain interval holds it far less often."""
    draw = np.random.default_rng(20)
    runs = [drifting(draw, 200, kept) for _ in range(500)]
    rates = []
    for interval in (round_interval, median_interval):
        ends = [interval(run, 0.975) for run in runs]
        rates.append(np.mean([one is not None and one.low <= 0 <= one.high for one in ends]))
    # One standard error of the rate is 0.7 %.
    assert rates[0] >= 0.975 - 2 * 0.007
    assert rates[1] < 0.92


def test_round_interval_of_independent_rounds_is_the_plain_one() -> None:
    """Without correlation nothing is given away."""
    seconds = np.random.default_rng(21).normal(10, 1, 40).tolist()
    assert correlation(seconds) is None
    assert round_interval(seconds, 0.975) == median_interval(seconds, 0.975)


def test_round_interval_of_a_drift_is_none() -> None:
    """Rounds that only get slower say nothing of their median, however many they are."""
    assert round_interval(range(1, 1001), 0.975) is None
