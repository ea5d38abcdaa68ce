"""Which way is fastest, and whether another would do as well: only what intervals carry."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from rayscale.measured import Beside, MeasuredCase
from rayscale.report import pairs, subject
from rayscale.report.answers import answers
from rayscale.report.fastest import Fastest, of_kernel, section, sentence
from rayscale.saved.launches import read
from tests.report import learning

WHERE = "play", "steps1", (100,)
CASES = [
    MeasuredCase.from_record(one)
    for one in learning.episodes()
    if one["extra_info"]["size"] == "steps1000"
]


def fastest(cases: Sequence[MeasuredCase], failed: Sequence[str] = ()) -> Fastest:
    """Return which way of the only kernel is fastest."""
    found = of_kernel("plain", cases, failed)
    assert found is not None
    return found


def beside(way: str, low: float, high: float) -> MeasuredCase:
    """Return a way that takes as long as ray_blocks, and was [low, high] times as fast in pairs."""
    blocks = next(one for one in CASES if one.implementation == "ray_blocks")
    other = Beside("ray_blocks", 1.0, (low + high) / 2, low, high, 9)
    return replace(blocks, implementation=way, beside=other)


def test_way_that_is_certainly_ahead_wins_alone() -> None:
    """process_pool was 1.1 times as fast in pairs: all others are more than 5 % behind."""
    found = fastest(CASES)
    assert found.words == "process_pool"
    assert sentence(found) == (
        "of 6 ways of running, process_pool on 2 CPUs is fastest, by more than 5 %"
    )
    # 1 s serially; half of it and 4 ms, divided by 1.1.
    assert found.figure.startswith("2.18x [")


def test_ways_within_the_margin_are_named_together() -> None:
    """4 % ahead is not called ahead: another launch can differ by as much."""
    plain = [one for one in CASES if one.beside is None]
    found = fastest([*plain, beside("pool", 1.03, 1.04)])
    assert set(found.words.removeprefix("one of ").split(", ")) == {"pool", "ray_blocks"}
    assert "they are not certainly more than 5 % apart" in sentence(found)


def test_pairs_tell_where_rounds_one_after_the_other_do_not() -> None:
    """A way whose own rounds look equal is left out for its pairs, and the other way round."""
    plain = [one for one in CASES if one.beside is None]
    assert "pool" not in fastest([*plain, beside("pool", 0.8, 0.9)]).words
    assert fastest([*plain, beside("pool", 1.1, 1.2)]).words == "pool"
    both = fastest([*plain, beside("quick", 1.1, 1.2), beside("slow", 0.9, 1.0)])
    assert both.words == "quick"
    faster = replace(beside("pool", 0.8, 0.9), seconds=tuple(s / 2 for s in CASES[0].seconds))
    assert fastest([*plain, faster]).words == "ray_blocks"


def test_pairs_with_serial_tell_as_well() -> None:
    """A way on two CPUs that lost in pairs with serial is left out; one that won is ahead of it."""
    plain = [one for one in CASES if one.beside is None]
    pool = replace(beside("pool", 0.5, 0.6), seconds=tuple(s / 9 for s in CASES[0].seconds))
    over = Beside("serial", 1.0, 0.55, 0.5, 0.6, 9)
    assert "pool" not in fastest([*plain, replace(pool, beside=over)]).words
    serial = [one for one in plain if one.is_serial]
    won = replace(pool, beside=replace(over, times=2.5, low=2.4, high=2.6))
    assert fastest([*serial, won]).figure.startswith("2.50x [2.40, 2.60]")


def test_serial_may_be_fastest() -> None:
    """A kernel that no way makes faster has no speed-up to show."""
    slow = [
        one if one.is_serial else replace(one, seconds=(9.0,) * 9, beside=None) for one in CASES
    ]
    found = fastest(slow)
    assert (found.words, found.figure) == ("serial", "-")


def test_fastest_is_of_the_most_fair_cpus() -> None:
    """A count that the process may not use is in no sentence."""
    crowded = replace(beside("pool", 2.0, 2.1), cpus=16, oversubscribed=True)
    assert fastest([*CASES, crowded]).words == "process_pool"


def test_failed_way_leaves_it_open() -> None:
    """The way that failed may have been the fastest; one of another size may not."""
    (row,) = (
        section(CASES, ["benchmarks/test_play.py::test_play[plain-joblib-cpus2-steps1000]"])
        .tables[0]
        .rows
    )
    assert row[2] == "cannot be told"
    (row,) = (
        section(CASES, ["benchmarks/test_play.py::test_play[plain-joblib-cpus2-small]"])
        .tables[0]
        .rows
    )
    assert row[2] == "process_pool"


def test_table_of_pairs_has_the_other_way_first() -> None:
    """Its time and gain stand above those that were timed with it, with ratio and pairs."""
    (found,) = pairs.sections(CASES)
    (table,) = found.tables
    assert found.heading == "Would another way do as well as ray_blocks?"
    assert [row[1] for row in table.rows] == ["ray_blocks", *learning.PEERS]
    assert [row[5:] for row in table.rows] == [
        ("-", "-"),
        ("1.00x [0.99, 1.01]", "9"),
        ("1.10x [1.09, 1.11]", "9"),
        ("0.50x [0.49, 0.51]", "9"),
    ]
    said = " ".join(found.sentences)
    assert "ray_actors is about as fast as ray_blocks, 1.00x [0.99, 1.01] (n=9)" in said
    assert "process_pool is 1.10x [1.09, 1.11] (n=9) as fast as ray_blocks" in said
    assert "thread_pool takes 2.00x [1.98, 2.02] (n=9) as long as ray_blocks" in said


def test_run_without_pairs_asks_nothing_of_other_ways() -> None:
    """There is no such section, and no sentence of it."""
    plain = [one for one in CASES if one.beside is None]
    assert list(pairs.sections(plain)) == []
    assert "fastest" not in " ".join(answers(plain))
    assert "fastest" in " ".join(answers(CASES))


def test_series_counts_pairs_once_for_each_launch(save: Callable[..., Path]) -> None:
    """Ten launches are ten ratios, and not the pairs of the first; without some, there are none."""
    ratios = np.linspace(1.2, 1.3, 10)
    launches = [[learning.case(WHERE, "pool", 2, 1.0, "row", times)] for times in ratios]
    found = launched(save, launches)
    assert found is not None
    # With ten launches the second and the second last bound the median, by 97.9 %.
    assert (found.n, found.low, found.high) == (10, ratios[1], ratios[8])
    assert found.times == pytest.approx(1.25)
    launches[3] = [learning.case(WHERE, "pool", 2, 1.0, "row")]
    assert launched(save, launches) is None


def launched(save: Callable[..., Path], launches: list[list[dict[str, Any]]]) -> Beside | None:
    """Return what is read of the only case of *launches*, a series."""
    series = [read(save({}, benchmarks=one)) for one in launches]
    (case,) = subject.read(series).cases
    return case.beside


def equal(draw: np.random.Generator) -> list[MeasuredCase]:
    """Return serial and ways that all take as long; rounds vary by 5 %, pairs by 2 %."""
    found = []
    for case in CASES:
        rounds = tuple(draw.lognormal(0, 0.05, 9))
        other = None
        if case.beside:
            ratios = np.sort(draw.lognormal(0, 0.02, 9))
            # Of nine pairs the second and the second last bound the median, by 96.1 %.
            middle = float(ratios[4])
            other = Beside("ray_blocks", 1.0, middle, float(ratios[1]), float(ratios[7]), 9)
        found.append(replace(case, seconds=rounds, beside=other))
    return found


def test_equal_ways_have_no_winner() -> None:
    """Six that are equal: hardly any is left out in 300 runs."""
    draw = np.random.default_rng(seed=22)
    told = [fastest(equal(draw)).words for _ in range(300)]
    assert sum(one != "cannot be told" for one in told) <= 15


@pytest.mark.parametrize("way", learning.PEERS)
def test_equal_way_does_as_well_or_cannot_be_told(way: str) -> None:
    """Of a way that is equal in pairs it is rarely said that it is faster or slower."""
    draw = np.random.default_rng(seed=23)
    found = [one for _ in range(300) for one in equal(draw) if one.implementation == way]
    wrong = [one for one in found if one.beside and one.beside.ratio.answer in {"faster", "slower"}]
    assert len(wrong) <= 15
