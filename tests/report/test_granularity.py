"""How long a task must be: claimed only where intervals carry the crossing of one half."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rayscale.intervals import Interval
from rayscale.ratio import Ratio
from rayscale.report.granularity import Granularity, granularities, sentences
from rayscale.report.subject import ProbeTiming

LENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)


def line(*bounds: tuple[float, float] | None) -> Granularity:
    """Return efficiencies within *bounds*, in whose middle they are, at LENGTHS."""
    return Granularity(
        "ray_per_row",
        2,
        LENGTHS,
        tuple(
            Ratio(sum(ends) / 2, Interval(*ends), 7) if ends else Ratio(0.6, None, 3)
            for ends in bounds
        ),
    )


@pytest.mark.parametrize(
    ("bounds", "known"),
    [
        (((0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.8, 0.9)), "at most 100 us"),
        (((0.4, 0.7), (0.7, 0.8), (0.8, 0.9), (0.8, 0.9)), "at most 1.00 ms"),
        (((0.1, 0.2), (0.2, 0.3), (0.2, 0.4), (0.3, 0.4)), "more than 100 ms"),
        (((0.1, 0.2), (0.2, 0.3), (0.3, 0.6), (0.3, 0.6)), "more than 1.00 ms"),
    ],
)
def test_length_is_bounded_where_one_side_alone_is_certain(
    bounds: Sequence[tuple[float, float]], known: str
) -> None:
    """Where half is certainly reached at the longest or missed at the shortest, and not both."""
    assert line(*bounds).known == known


def test_length_has_the_interval_of_the_bounds_crossings() -> None:
    """Upper bounds pass half first, lower bounds last: on straight lines over the logarithm."""
    found = line((0.0, 0.2), (0.1, 0.3), (0.2, 0.4), (0.6, 0.8)).metg
    assert found is not None
    # From 10 to 100 ms: 0.3 to 0.7 passes half at 1/2, 0.4 to 0.8 at 1/4, 0.2 to 0.6 at 3/4.
    assert found.value == pytest.approx(1e-2 * 10**0.5)
    assert found.interval == pytest.approx((1e-2 * 10**0.25, 1e-2 * 10**0.75))
    shown = line((0.0, 0.2), (0.1, 0.3), (0.2, 0.4), (0.6, 0.8)).known
    assert shown == "31.6 ms [17.8 ms, 56.2 ms] (n=7)"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (line((0.1, 0.2), (0.6, 0.7), (0.1, 0.2), (0.6, 0.7)), "longer tasks lose what"),
        (line((0.4, 0.6), (0.4, 0.6), (0.4, 0.6), (0.4, 0.6)), "all intervals hold 50 %"),
        (line(None, None, None, None), "too few timings"),
    ],
)
def test_length_that_cannot_be_told_says_why(found: Granularity, why: str) -> None:
    """A line that goes back, intervals that all hold half, and no intervals."""
    assert found.known is None
    (sentence,) = sentences([found])
    assert sentence.startswith("How long a task must last on 2 CPUs cannot be told: ")
    assert why in sentence


def probes(took: Callable[[float], float], noise: float, seed: int) -> list[ProbeTiming]:
    """Return probes of 10 tasks each, serially and by Ray on one CPU, of seven noisy rounds."""
    draw = np.random.default_rng(seed)

    def rounds(seconds: float) -> tuple[float, ...]:
        return tuple((seconds * draw.lognormal(0, noise, 7)).tolist())

    return [
        ProbeTiming("task_length", rounds(10 * seconds), 7, way, 1, 10, 0, length)
        for length in LENGTHS
        for way, seconds in (("serial", length), ("ray_per_row", took(length)))
    ]


def test_length_holds_the_truth() -> None:
    """A Ray that costs 3 ms a task: the interval holds 3 ms in 95 % of 300 runs, or says less."""
    wrong = 0
    for seed in range(300):
        (found,) = granularities(probes(lambda length: length + 3e-3, 0.05, seed))
        # Between 1 ms (25 %) and 10 ms (77 %) the line is not quite straight: it passes half at
        # 1 ms * 10 ** (0.25 / 0.52) = 3.04 ms.
        metg = found.metg
        wrong += metg is None or not metg.interval.low <= 3.04e-3 <= metg.interval.high
    assert wrong / 300 <= 0.05


def test_half_everywhere_is_rarely_claimed_to_be_passed() -> None:
    """A Ray that takes twice as long at every length is at half: there is nothing to claim."""
    claimed = 0
    for seed in range(300):
        (found,) = granularities(probes(lambda length: 2 * length, 0.05, seed))
        claimed += found.known is not None
    assert claimed / 300 <= 0.05
