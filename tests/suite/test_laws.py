"""The laws of scaling: made data are recovered, intervals cover, too few points are refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.laws import (
    Call,
    LawError,
    amdahl,
    karp_flatt,
    level_crossed,
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


@given(call=POSITIVE, task=POSITIVE, byte=st.floats(1e-12, 1e-8))
def test_ray_cost_recovers_call_task_and_byte(call: float, task: float, byte: float) -> None:
    """Calls that cost exactly so much each, and a task and a byte, give all three back."""
    shapes = [(1, 8), (10, 80), (100, 800), (4, 2**20), (4, 2**23)]
    found = ray_cost([Call(n, b, call + n * task + b * byte) for n, b in shapes])
    assert found.call is not None
    assert found.call.value == pytest.approx(call, rel=1e-3, abs=1e-6 * task)
    assert found.task.value == pytest.approx(task, rel=1e-3, abs=1e-6 * call)
    whole = call + task  # of which a byte may be far too little to be seen exactly
    assert found.byte.value == pytest.approx(byte, rel=1e-3, abs=1e-12 * whole)


def test_ray_cost_of_equal_task_numbers_counts_the_call_with_its_tasks() -> None:
    """Calls of 4 tasks alone: 2 ms a call and 1 ms a task are 1.5 ms a task."""
    found = ray_cost([Call(4, b, 2e-3 + 4e-3 + b * 1e-8) for b in (2**10, 2**15, 2**20, 2**22)])
    assert found.call is None
    assert found.task.value == pytest.approx(1.5e-3)


def test_prediction_is_work_and_costs() -> None:
    """4 s of work in 100 tasks on 2 CPUs: 2 s, a call of 0.5 s, 100 tasks and 10 bytes."""
    shapes = ((1, 1), (2, 5), (3, 1), (9, 9), (5, 7))
    found = ray_cost([Call(n, b, 0.5 + n * 1e-3 + b * 1e-2) for n, b in shapes])
    predicted = found.predict(serial=4.0, tasks=100, nbytes=10, cpus=2)
    assert predicted == pytest.approx(2 + 0.5 + 0.1 + 0.1)
    # One task has no use for a second CPU.
    assert found.predict(serial=4.0, tasks=1, nbytes=0, cpus=2) == pytest.approx(4 + 0.5 + 0.001)


@pytest.mark.parametrize("counts", [[2, 3, 4, 8], [1, 2, 4, 8, 16], list(range(1, 17))], ids=len)
def test_intervals_cover_the_truth(counts: list[int]) -> None:
    """With relative errors of 2 %, the serial time's too, a 95 % interval holds in 95 % of fits."""
    draw = np.random.default_rng(3)
    n = np.array(counts, dtype=float)
    held = np.zeros(3)
    fits = 1000
    for _ in range(fits):
        serial, errors = 1 + draw.normal(0, 0.02), 1 + draw.normal(0, 0.02, len(n))
        fitted = amdahl(counts, list(serial / (0.1 + 0.9 / n) / errors))
        times = 1 / n + 0.05 * (n - 1) / n + 0.01 * (n - 1)
        scaled = universal_scalability(counts, list(serial / times / errors))
        for place, (found, truth) in enumerate(
            ((fitted, 0.1), (scaled.contention, 0.05), (scaled.coherency, 0.01))
        ):
            held[place] += found.interval.low <= truth <= found.interval.high
    # One standard error of the rate is 0.007; with n = 1 as a degree of freedom it was 0.875.
    assert held / fits == pytest.approx([0.95] * 3, abs=0.025)


def test_one_cpu_says_nothing_of_the_law() -> None:
    """Ray on one CPU has costs of its own, which no parameter of a law could explain."""
    law = [1 / (0.1 + 0.9 / n) for n in (2, 4, 8, 16)]
    for on_one in (1.0, 0.5):
        assert amdahl([1, 2, 4, 8, 16], [on_one, *law]).value == pytest.approx(0.1)


def test_cost_below_zero_is_shown_and_called_a_misfit() -> None:
    """Calls that get cheaper by 0.1 s with each task: the model cannot be what happens."""
    calls = [Call(n, b, b - 0.1 * n) for n in (1, 9) for b in (1, 8)]
    found = ray_cost(calls)
    assert found.task.value == pytest.approx(-0.1)
    assert not found.holds


def test_misfit_is_the_largest_factor_that_a_call_is_missed_by() -> None:
    """1 where all calls follow the model; where one took twice as long, the fit misses some."""
    calls = [Call(n, b, n * 1e-3 + b * 1e-8) for n in (1, 10, 100) for b in (2**10, 2**20)]
    assert ray_cost(calls).misfit == pytest.approx(1.0)
    bent = [*calls[:-1], Call(calls[-1].tasks, calls[-1].nbytes, 3 * calls[-1].seconds)]
    found = ray_cost(bent)
    predicted = [found.predict(0.0, one.tasks, one.nbytes, 1) for one in bent]
    ratios = [one.seconds / p for one, p in zip(bent, predicted, strict=True)]
    assert found.misfit == pytest.approx(max(*ratios, *(1 / one for one in ratios)))
    assert found.misfit > 1.25
    assert not found.holds


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        (lambda: amdahl([1, 2], [1, 1.9]), "needs 3 or more CPU counts above 1; there is 1"),
        (
            lambda: universal_scalability([1, 2, 4, 8], [1, 2, 3, 4]),
            "needs 4 or more CPU counts above 1; there are 3",
        ),
        (lambda: ray_cost([Call(1, 1, 1.0)] * 3), "needs 4 or more measured calls; there are 3"),
        (lambda: ray_cost([Call(n, 8 * n, 1.0) for n in range(1, 6)]), "move more bytes a task"),
        (lambda: ray_cost([Call(n, n, 1.0) for n in (1, 2, 3, 4)]), "needs 5 or more"),
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
    assert level_crossed(places, heights, 0.5) == pytest.approx(place)


def test_crossing_is_the_last_one() -> None:
    """What dips below the level again has not reached it for good."""
    assert level_crossed([1, 2, 4, 8], [0.9, 0.1, 0.6, 0.9], 0.5) == pytest.approx(2 * 2**0.8)
    assert level_crossed([1, 2], [0.9, 0.1], 0.5) is None
    assert level_crossed([1, 2], [0.9, 0.8], 0.5) == 1


def test_half_is_crossed_in_the_middle() -> None:
    """Tasks of 1 ms reach a quarter and of 100 ms three quarters: half is in the middle, 10 ms."""
    assert level_crossed([1e-3, 1e-1], [0.25, 0.75], 0.5) == pytest.approx(1e-2)
