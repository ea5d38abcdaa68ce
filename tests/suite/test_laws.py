"""The laws of scaling: made data are recovered, intervals cover, too few points are refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.laws import (
    LawError,
    Work,
    amdahl,
    break_even,
    crossing,
    karp_flatt,
    metg,
    ray_cost,
    universal_scalability,
)

COUNTS = [1, 2, 4, 8, 16]
FRACTIONS = st.floats(0.0, 0.9)
POSITIVE = st.floats(1e-9, 1.0)


@given(fraction=FRACTIONS)
def test_amdahl_recovers_the_serial_fraction(fraction: float) -> None:
    """Speed-ups made by the law give its fraction back, with no room for another."""
    found = amdahl(COUNTS, [1 / (fraction + (1 - fraction) / n) for n in COUNTS])
    assert found.value == pytest.approx(fraction, abs=1e-9)
    assert found.interval == pytest.approx((fraction, fraction), abs=1e-7)


@given(fraction=FRACTIONS, cpus=st.integers(2, 64))
def test_karp_flatt_is_amdahl_of_one_point(fraction: float, cpus: int) -> None:
    """On Amdahl's curve the metric is the serial fraction at every count."""
    speed_up = 1 / (fraction + (1 - fraction) / cpus)
    assert karp_flatt(cpus, speed_up) == pytest.approx(fraction, abs=1e-9)


@given(contention=st.floats(0.0, 0.5), coherency=st.floats(0.0, 0.05))
def test_universal_scalability_recovers_both(contention: float, coherency: float) -> None:
    """Speed-ups made by the law give contention and coherency back."""
    speed_ups = [n / (1 + contention * (n - 1) + coherency * n * (n - 1)) for n in COUNTS]
    found = universal_scalability(COUNTS, speed_ups)
    assert found.contention.value == pytest.approx(contention, abs=1e-8)
    assert found.coherency.value == pytest.approx(coherency, abs=1e-8)


@given(task=POSITIVE, byte=st.floats(1e-12, 1e-8))
def test_ray_cost_recovers_task_and_byte(task: float, byte: float) -> None:
    """Calls that cost exactly so much a task and a byte give both back."""
    shapes = [(1, 8), (100, 800), (4, 2**20), (4, 2**23)]
    found = ray_cost([Work(n, b, n * task + b * byte) for n, b in shapes])
    assert found.task.value == pytest.approx(task, rel=1e-6)
    assert found.byte.value == pytest.approx(byte, rel=1e-3, abs=1e-12 * task)


def test_prediction_is_work_and_costs() -> None:
    """4 s of work in 100 tasks on 2 CPUs: 2 s, and 100 tasks of 1 ms, and 10 bytes of 10 ms."""
    found = ray_cost([Work(n, b, n * 1e-3 + b * 1e-2) for n, b in ((1, 1), (2, 5), (3, 1), (9, 9))])
    assert found.predict(serial=4.0, tasks=100, nbytes=10, cpus=2) == pytest.approx(2 + 0.1 + 0.1)
    # One task has no use for a second CPU.
    assert found.predict(serial=4.0, tasks=1, nbytes=0, cpus=2) == pytest.approx(4 + 0.001)


def test_intervals_cover_the_truth() -> None:
    """With normal errors each 95 % interval holds its parameter in 95 % of 400 fits."""
    draw = np.random.default_rng(3)
    n = np.array(COUNTS, dtype=float)
    held = np.zeros(3)
    for _ in range(400):
        # The errors are those of what is fitted, 1 / s and n / s.
        error = draw.normal(0, 0.01, len(n))
        fitted = amdahl(COUNTS, list(1 / (0.1 + 0.9 / n + error)))
        scaled = universal_scalability(
            COUNTS, list(n / (1 + 0.05 * (n - 1) + 0.01 * n * (n - 1) + error))
        )
        for place, (found, truth) in enumerate(
            ((fitted, 0.1), (scaled.contention, 0.05), (scaled.coherency, 0.01))
        ):
            held[place] += found.interval.low <= truth <= found.interval.high
    # One standard error of the rate is 0.011.
    assert held / 400 == pytest.approx([0.95] * 3, abs=0.04)


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        (lambda: amdahl([1, 2], [1, 1.9]), "needs 3 or more CPU counts above 1; there is 1"),
        (lambda: universal_scalability([1, 2, 4], [1, 2, 3]), "needs 5 or more CPU counts"),
        (lambda: ray_cost([Work(1, 1, 1.0)] * 3), "needs 4 or more measured calls; there are 3"),
        (lambda: ray_cost([Work(n, 8 * n, 1.0) for n in (1, 2, 3, 4)]), "move more bytes a task"),
    ],
)
def test_law_without_enough_points_is_refused(fit: Callable[[], object], sentence: str) -> None:
    """Too few points, or points that differ in nothing, are refused with the reason."""
    with pytest.raises(LawError, match=sentence):
        fit()


@given(slope=st.floats(0.1, 3.0), place=st.floats(2.0, 500.0))
def test_crossing_finds_where_a_line_passes(slope: float, place: float) -> None:
    """On a line over the logarithm, the crossing is exact wherever the points lie."""
    places = [1.0, 10.0, 100.0, 1000.0]
    heights = [0.5 + slope * math.log(x / place) for x in places]
    assert crossing(places, heights, 0.5) == pytest.approx(place)


def test_crossing_is_the_last_one() -> None:
    """What dips below the level again has not reached it for good."""
    assert crossing([1, 2, 4, 8], [0.9, 0.1, 0.6, 0.9], 0.5) == pytest.approx(2 * 2**0.8)
    assert crossing([1, 2], [0.9, 0.1], 0.5) is None
    assert crossing([1, 2], [0.9, 0.8], 0.5) == 1


def test_metg_of_half() -> None:
    """Tasks of 1 ms reach a quarter and of 100 ms three quarters: half is in the middle, 10 ms."""
    assert metg([1e-3, 1e-1], [0.25, 0.75]) == pytest.approx(1e-2)


def test_break_even_is_none_where_ray_never_wins() -> None:
    """Ray that takes twice as long at every size never breaks even."""
    assert break_even([1, 10], serial=[1.0, 10.0], parallel=[2.0, 20.0]) is None
