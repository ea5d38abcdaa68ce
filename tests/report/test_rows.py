"""How long a row must be, and what a way adds to it: said only where intervals carry it."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from rayscale.measured import Beside, MeasuredCase
from rayscale.report.rows import additions, answers, by_length, costs
from tests.report import learning

EPISODES = [MeasuredCase.from_record(one) for one in learning.episodes()]
TRIALS = [MeasuredCase.from_record(one) for one in learning.trials()]


def lines(cases: Sequence[MeasuredCase]) -> dict[str, str]:
    """Return from which length on each way of the only kernel pays."""
    (rows,) = by_length(cases)
    return {line.way: line.break_even.words for line in rows.lines}


def test_way_overtakes_serial_where_it_gains_what_it_costs() -> None:
    """Blocks cost 4 ms a call, so 40 us an episode, and half the work: equal at 80 us."""
    said = lines(EPISODES)
    assert said["ray_blocks"] == "overtakes serial between 10.0 us (steps1) and 100 us (steps10)"
    # One task each costs 0.5 ms: equal at 1 ms, which is a length that was measured.
    assert said["ray_per_row"] == (
        "overtakes serial between 100 us (steps10) and 10.0 ms (steps1000)"
    )


def test_way_measured_at_one_length_has_no_line() -> None:
    """Pools were timed with the longest episodes alone."""
    assert set(lines(EPISODES)) == {"ray_per_row", "ray_blocks"}


def test_pairs_with_serial_tell_where_there_are_any() -> None:
    """The rounds by themselves say nothing then, and no serial case is needed."""
    truth = {"steps1": (0.1, 0.5), "steps10": (1.0, 0.8), "steps100": (100.0, 2.0)}
    paired = [
        replace(one, beside=Beside("serial", alone, ratio, ratio - 0.1, ratio + 0.1, 9))
        for size, (alone, ratio) in truth.items()
        for one in EPISODES
        if (one.implementation, one.size) == ("ray_blocks", size)
    ]
    assert lines(paired) == {
        "ray_blocks": "overtakes serial between 10.0 ms (steps10) and 1.00 s (steps100)"
    }


def test_variants_of_a_problem_are_lengths_of_its_rows() -> None:
    """play_slowly is another length of play's episodes; other numbers of rows are not."""
    slowly = [
        replace(one, problem="play_slowly", seconds=tuple(9 * s for s in one.seconds))
        for one in EPISODES
        if one.size == "steps100" and one.beside is None
    ]
    fewer = [replace(one, problem="play_few", shape=(3,)) for one in slowly]
    (rows,) = by_length([*EPISODES, *slowly, *fewer])
    assert (rows.problem, rows.number) == ("play", 100)
    assert [len(line.lengths) for line in rows.lines] == [5, 5]
    assert "(play steps10)" in rows.lines[0].break_even.words
    unrelated = [replace(one, problem="display") for one in slowly]
    assert len(by_length([*EPISODES, *unrelated])[0].lines[0].lengths) == 4


def test_sentence_says_what_a_row_is() -> None:
    """The benchmark's own word stands in it; rows without one are in no answer."""
    (said,) = answers(EPISODES)
    assert said.startswith("Play, plain kernel, 100 episodes, by what an episode takes serially: ")
    assert "ray_blocks on 2 CPUs overtakes serial between 10.0 us (steps1) and 100 us" in said
    assert list(answers([replace(one, row="row") for one in EPISODES])) == []


def test_longer_rows_that_lose_again_answer_nothing() -> None:
    """Faster at one length and slower at a longer one: no length pays."""
    worse = [
        replace(one, seconds=tuple(3 * s for s in one.seconds))
        if (one.implementation, one.size) == ("ray_blocks", "steps1000")
        else one
        for one in EPISODES
    ]
    assert lines(worse)["ray_blocks"].startswith("cannot be told from serial between 10.0 us")


def test_trial_costs_what_tune_adds() -> None:
    """2.4 s a trial on one CPU, and half of that for each of the trials on two at once."""
    found = {(one.case.implementation, one.case.cpus): one for one in additions(TRIALS)}
    for cpus in (1, 2):
        for way, added in learning.TUNE.items():
            assert found[way, cpus].seconds == pytest.approx(added / cpus)
            assert found[way, cpus].share == pytest.approx(learning.TRIAL / cpus)
            low, high = found[way, cpus].interval or (0, 0)
            assert low < added / cpus < high
    (said,) = answers(TRIALS)
    assert "2 CPUs: beside its share of the work, 150 ms, a trial costs 1.20 s [" in said
    assert "with tune, 150 ms [" in said
    assert "ray_per_row" not in said  # what it adds may be nothing


def test_fewer_rows_than_cpus_share_the_work_among_themselves() -> None:
    """Six trials on eight CPUs: each CPU has a whole trial, or none."""
    many = [replace(one, cpus=8) if one.cpus == 2 else one for one in TRIALS]
    found = {(one.case.implementation, one.case.cpus): one for one in additions(many)}
    assert found["ray_per_row", 8].share == pytest.approx(learning.TRIAL / 6)


def test_table_shows_seconds_of_a_row_beside_the_work() -> None:
    """Serially a trial takes 300 ms; with Tune on one CPU 2.7 s, of which 2.4 s are added."""
    table = costs(TRIALS)
    rows = {(row[1], row[2]): row for row in table.rows}
    assert table.headings[4] == "call / trials"
    assert rows["serial", "1"][4:] == ("300 ms", "-", "-")
    assert rows["tune", "1"][4:6] == ("2.70 s", "300 ms")
    assert rows["tune", "1"][6].startswith("2.40 s [")


def noisy(cases: Sequence[MeasuredCase], draw: np.random.Generator) -> list[MeasuredCase]:
    """Return *cases* whose ways all take what serial takes, with rounds that vary by 5 %."""
    serial = {one.size: one.median for one in cases if one.is_serial}
    return [
        replace(one, cpus=1, seconds=tuple(serial[one.size] * draw.lognormal(0, 0.05, 9)))
        for one in cases
    ]


def test_equal_ways_answer_nothing() -> None:
    """Two ways at four lengths, and three that add nothing: claims in at most 5 % of 200 runs."""
    draw = np.random.default_rng(seed=21)
    plain = [one for one in EPISODES if one.beside is None]
    trials = [one for one in TRIALS if one.cpus == 1]
    claimed = [0, 0]
    for _ in range(200):
        (said,) = answers(noisy(plain, draw))
        claimed[0] += bool(re.search("overtakes|is faster|is slower", said))
        claimed[1] += bool(list(answers(noisy(trials, draw))))
    assert max(claimed) <= 10


def test_too_few_rounds_answer_nothing() -> None:
    """Three rounds have no interval: nothing is added, and no length is known."""
    few = [replace(one, seconds=one.seconds[:3]) for one in [*EPISODES, *TRIALS]]
    said = " ".join(answers(few))
    assert "ray_blocks on 2 CPUs cannot be told from serial between" in said
    assert "beside its share" not in said
    assert all(row[6].endswith(("~", "-")) for row in costs(few[-7:]).rows)
