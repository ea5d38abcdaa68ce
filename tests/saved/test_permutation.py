"""The permutation tests: against enumeration by hand, and by simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_1samp, ttest_ind

from rayscale.saved.permutation import MOST, Labels, critical, single, step_down

Floats = NDArray[np.float64]


def enumerated(old: Floats, new: Floats, *, paired: bool) -> Floats:
    """Return SciPy's t of each permutation and case, by hand; the first as drawn."""
    if paired:
        signs = product((1.0, -1.0), repeat=len(new))
        rows = [ttest_1samp(np.array(sign)[:, None] * (new - old), 0.0).statistic for sign in signs]
        return np.array(rows)
    values = np.vstack([old, new])
    places = set(range(len(values)))
    drawn = tuple(range(len(old), len(values)))
    chosen = [drawn, *(c for c in combinations(sorted(places), len(new)) if c != drawn)]
    rows = [
        ttest_ind(values[list(c)], values[sorted(places - set(c))], equal_var=False).statistic
        for c in chosen
    ]
    return np.array(rows)


def stepped_down(statistics: Floats) -> Floats:
    """Return Westfall and Young's adjusted p, as their algorithm is written, loop by loop."""
    order = sorted(range(statistics.shape[1]), key=lambda case: -statistics[0, case])
    adjusted = np.empty(len(order))
    before = 0.0
    for rank, case in enumerate(order):
        left = order[rank:]
        as_large = sum(max(row[left]) >= statistics[0, case] - 1e-9 for row in statistics)
        before = max(before, as_large / len(statistics))
        adjusted[case] = before
    return adjusted


@pytest.mark.parametrize(
    ("old", "new", "paired"), [(3, 4, False), (5, 2, False), (5, 5, True), (2, 2, False)]
)
def test_statistics_and_p_are_those_of_enumeration(old: int, new: int, paired: bool) -> None:
    """Every permutation's t is SciPy's, and the adjusted p follow from them."""
    draw = np.random.default_rng(old * 10 + new)
    ours, theirs = draw.normal(size=(old, 3)), draw.normal(0.8, size=(new, 3))
    found = Labels(old, new, paired=paired).statistics(ours, theirs)
    wanted = enumerated(ours, theirs, paired=paired)

    assert found[0] == pytest.approx(wanted[0])
    assert np.sort(found, axis=0) == pytest.approx(np.sort(wanted, axis=0))
    assert step_down(found) == pytest.approx(stepped_down(wanted))
    assert single(found) == pytest.approx((wanted >= wanted[0] - 1e-9).mean(axis=0))


def test_many_permutations_are_drawn_and_the_same_each_time() -> None:
    """Where there are more than 10,000, as many are drawn, by a fixed seed."""
    labels = Labels(10, 10, paired=False)
    assert labels.weights.shape == (MOST + 1, 20)
    assert (labels.weights.sum(axis=1) == 10).all()
    assert (labels.weights == Labels(10, 10, paired=False).weights).all()
    assert labels.least == pytest.approx(1 / (MOST + 1))


@pytest.mark.parametrize("pairs", [13, 15])
def test_many_pairs_find_a_slowdown(pairs: int) -> None:
    """+35 % in each of 15 pairs is found, with all 8,192 flips of 13 pairs or 10,000 drawn ones."""
    draw = np.random.default_rng(pairs)
    old = draw.normal(0, 0.01, (pairs, 1))
    new = old + np.log(1.35) + draw.normal(0, 0.01, (pairs, 1))
    labels = Labels(pairs, pairs, paired=True)
    assert set(np.unique(labels.weights)) == {-1.0, 1.0}
    assert step_down(labels.statistics(old, new))[0] <= 0.001


def test_pairs_need_equal_numbers() -> None:
    """Nine launches cannot be paired with ten."""
    with pytest.raises(ValueError, match="as many old launches as new, not 10 and 9"):
        Labels(10, 9, paired=True)


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_critical_t_is_the_smallest_that_is_called_slower(level: float) -> None:
    """A largest t at the bar has a p within the level; just below it has not."""
    draw = np.random.default_rng(4)
    statistics = Labels(5, 5, paired=False).statistics(*draw.normal(size=(2, 5, 3)))
    bar = critical(statistics, level)
    largest = statistics.max(axis=1)
    assert (largest >= bar).mean() <= level
    assert (largest >= np.sort(largest[largest < bar])[-1]).mean() > level


def test_cases_that_do_not_vary_are_not_slower() -> None:
    """Equal times have no t to divide by zero for; a slowdown without any spread is certain."""
    labels = Labels(5, 5, paired=False)
    same = np.zeros((5, 1))
    assert step_down(labels.statistics(same, same)) == pytest.approx([1.0])
    assert step_down(labels.statistics(same, same + 0.1)) == pytest.approx([1 / 252])


def simulated(rng: np.random.Generator, slowdown: float, day: float = 0.0) -> tuple[Floats, Floats]:
    """Return logs of 10 and 10 launches of 12 cases: 2 % launch by launch, half of it common.

    The days of the two sets differ by *day*, one standard deviation, in all cases alike.
    """
    common = rng.normal(0, 0.014, (20, 1))
    logs = rng.normal(0, 0.014, (20, 12)) + common
    logs[10:] += rng.normal(0, day)
    logs[10:, 0] += np.log(1 + slowdown)
    return logs[:10], logs[10:]


def rate(
    rng: np.random.Generator, slowdown: float, *, shift: float = 0.0, day: float = 0.0
) -> float:
    """Return how often, of 400 comparisons, any case is called slower at 1 %."""
    labels = Labels(10, 10, paired=False)
    alarms = 0
    for _ in range(400):
        old, new = simulated(rng, slowdown, day)
        alarms += step_down(labels.statistics(old + shift, new)).min() <= 0.01
    return alarms / 400


@pytest.mark.usefixtures("fewer_permutations")
def test_false_alarms_are_as_rare_as_promised() -> None:
    """Identical code: any of 12 cases is called slower in 1 % of comparisons, and not more."""
    found = rate(np.random.default_rng(1), slowdown=0.0)
    assert found <= 0.025, found  # 10 of 400; at 1 %, more come with probability 0.003


@pytest.mark.usefixtures("fewer_permutations")
def test_slowdowns_are_found() -> None:
    """+10 % in one of 12 cases, at a launch spread of 2 %, is found nearly always."""
    found = rate(np.random.default_rng(2), slowdown=0.1)
    assert found >= 0.95, found


@pytest.mark.usefixtures("fewer_permutations")
def test_days_that_differ_need_the_shift() -> None:
    """A common day effect of 2 % makes identical code alarm, but not beyond half the tolerance."""
    exact = rate(np.random.default_rng(3), slowdown=0.0, day=0.02)
    shifted = rate(np.random.default_rng(3), slowdown=0.0, day=0.02, shift=np.log(1.025))
    assert exact >= 0.1, exact
    assert shifted <= 0.03, shifted
