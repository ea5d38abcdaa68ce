"""What the launches' times carry: error rates where both sets do not spread alike, intervals."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from rayscale.saved.evidence import Evidence, Limits, weigh
from rayscale.saved.permutation import Floats

LIMITS = Limits(tolerance=0.05, false_alarm=0.01, miss=0.01)


def logs(
    rng: np.random.Generator, launches: int, spread: float, times: float, cases: int = 24
) -> Floats:
    """Return logarithms of launches that spread so far, in cases that take so many *times*."""
    return rng.normal(np.log(times), spread, (launches, cases))


def weighed(old: Floats, new: Floats, *, paired: bool = False) -> list[Evidence]:
    """Return the evidence at the command's own limits."""
    return weigh(old, new, LIMITS, margin=0.0 if paired else 0.025, paired=paired)


@pytest.mark.usefixtures("fewer_permutations")
def test_same_is_rarely_wrong_where_the_sets_spread_differently() -> None:
    """5 new launches that spread three times as far as 10 old ones, 5 % slower: 1 % are 'same'."""
    rng = np.random.default_rng(11)
    found = [
        case.not_slower is not None and case.not_slower <= LIMITS.miss
        for _ in range(100)
        for case in weighed(logs(rng, 10, 0.01, 1.0), logs(rng, 5, 0.03, 1.05))
    ]
    # 2,400 cases: at 1.5 %, more come with probability 0.003; permutations alone give 3 %.
    assert np.mean(found) <= 0.022


@pytest.mark.parametrize("paired", [True, False])
def test_interval_and_p_are_of_one_model(paired: bool) -> None:
    """The interval is SciPy's for Welch's or the paired t, and p is never below that t's own."""
    rng = np.random.default_rng(3)
    old, new = logs(rng, 8, 0.01, 1.0, cases=1), logs(rng, 8, 0.03, 1.04, cases=1)
    if paired:
        test = ttest_1samp((new - old)[:, 0], 0.0)
    else:
        test = ttest_ind(new[:, 0], old[:, 0], equal_var=False)
    (case,) = weighed(old, new, paired=paired)

    ends = test.confidence_interval(0.99)
    assert case.interval == pytest.approx((np.exp(ends.low), np.exp(ends.high)))
    assert case.slower is not None
    if not paired:
        beyond = ttest_ind(new - np.log(1.025), old, equal_var=False, alternative="greater")
        assert case.slower >= beyond.pvalue[0] - 1e-12


def test_one_launch_has_ratios_alone() -> None:
    """Without a spread there is a ratio, and neither an interval nor a p."""
    rng = np.random.default_rng(5)
    (case,) = weighed(logs(rng, 1, 0.01, 1.0, cases=1), logs(rng, 10, 0.01, 1.0, cases=1))
    assert case.ratio == pytest.approx(1.0, abs=0.05)
    assert (case.interval, case.slower, case.not_slower, case.power) == (None, None, None, None)
