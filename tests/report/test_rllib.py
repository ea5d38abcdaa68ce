"""What RLlib adds to a step, and what its runners make faster."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rayscale.measured import rllib_words
from rayscale.report import rllib, subject
from rayscale.report.subject import RllibTiming
from rayscale.saved.launches import read
from tests.report import learning
from tests.report.records import timed

Save = Callable[..., Path]


def timings(save: Save, **changes: object) -> tuple[RllibTiming, ...]:
    """Return the timings of the made run."""
    saved = learning.rllib(**changes)  # type: ignore[arg-type]  # as it declares them
    return subject.read([read(save({}, benchmarks=saved))]).rllib


def test_step_costs_what_a_call_does_by_its_steps(save: Save) -> None:
    """1000 steps in 0.7 s: 0.7 ms each, seven times the loop with a network, 70 times the bare."""
    steps, _ = rllib.section(timings(save)).tables
    rows = {(row[0], row[1]): row for row in steps.rows}
    assert rows["RLlib", "0"][3:] == ("700 ms (n=9)", "700 us", "-")
    assert rows["Gymnasium and torch", "0"][4] == "100 us"
    assert rows["Gymnasium and torch", "0"][5].startswith("7.00x [")
    assert rows["RLlib", "2"][5].startswith("1.75x [")  # 0.7 / 0.4


def test_sentences_say_what_is_added_and_what_is_faster(save: Save) -> None:
    """By hand and in the driver, and each part of an iteration by the most runners."""
    said = " ".join(rllib.sentences(timings(save)))
    assert "needs 700 us for a step and takes 70.0x [" in said
    assert "as long as a loop of one's own with Gymnasium and torch." in said
    assert "RLlib's sampling by 2 env runners is 1.75x [" in said
    assert "with 2 env runners, sampling is 1.75x [" in said
    assert "learning is about as fast as the driver alone, 1.00x [" in said
    assert "synchronising takes 10.0x [" in said
    assert "the whole is 1.50x [" in said  # 0.901 s / 0.601 s


def test_part_that_takes_no_time_has_no_ratio(save: Save) -> None:
    """A timer that shows 0 is shown, and compared with nothing."""
    saved = learning.rllib()
    for one in saved:
        if "parts" in one["extra_info"]:
            one["extra_info"]["parts"]["synchronising"] = [0.0] * 9
    found = subject.read([read(save({}, benchmarks=saved))]).rllib
    rows = [row for row in rllib.section(found).tables[1].rows if row[0] == "synchronising"]
    assert [row[3] for row in rows] == ["-", "-", "-"]
    assert "synchronising" not in " ".join(rllib.sentences(found))


def test_series_of_launches_has_a_median_of_each_part(save: Save) -> None:
    """Each launch counts once: three numbers for each part."""
    launches = [read(save({}, benchmarks=learning.rllib())) for _ in range(3)]
    found = [one for one in subject.read(launches).rllib if one.did.rllib == "training"]
    assert {len(seconds) for one in found for seconds in one.did.parts.values()} == {3}
    assert found[0].did.parts["learning"] == pytest.approx((0.2,) * 3)


def test_run_without_rllib_has_no_such_section(save: Save) -> None:
    """Nor has another suite's test whose extra_info uses the word otherwise."""
    foreign = timed("test_x", [1.0, 1.1], {"rllib": "a version", "by": 3})
    found = subject.read([read(save({}, benchmarks=[foreign]))])
    assert (found.rllib, len(found.others)) == ((), 1)
    assert rllib.section(found.rllib).tables == ()
    assert rllib_words({}) is None


def test_equal_runners_are_rarely_called_faster_or_slower() -> None:
    """Sampling, and two parts, that take as long with runners: claims are as rare as intervals."""
    draw = np.random.default_rng(seed=24)
    wrong = 0
    for _ in range(200):
        equal = []
        for runners in (0, 2):
            parts = {part: draw.lognormal(0, 0.05, 9).tolist() for part in ("sampling", "learning")}
            seconds = tuple(draw.lognormal(0, 0.05, 9))
            for question in ("sampling", "training"):
                did = rllib_words(learning.steps(question, "RLlib", runners) | {"parts": parts})
                assert did is not None
                equal.append(RllibTiming(question, seconds, 9, did))
        said = " ".join(rllib.sentences(equal))
        wrong += "as long as" in said or ") as fast as" in said
    assert wrong <= 10
