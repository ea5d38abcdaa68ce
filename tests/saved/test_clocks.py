"""Times by different clocks are not compared; one that stands while one waits tells less."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rayscale.report import subject
from rayscale.saved.comparison import compare
from rayscale.saved.comparison_table import sentences
from rayscale.saved.doubts import conditions
from rayscale.saved.evidence import Limits
from rayscale.saved.history import histories
from rayscale.saved.launches import Launch, read

CASES = {"loop-serial-small": 0.03, "loop-ray_blocks-cpus2-small": 0.02}
LIMITS = Limits(tolerance=0.05, false_alarm=0.01, miss=0.01)
SaveSeries = Callable[..., list[Path]]


def timed_by(files: Sequence[Path], cases: int = 2, **options: Any) -> list[Launch]:
    """Return the launches in *files*, of whose first *cases* pytest-benchmark notes *options*."""
    for file in files:
        run = json.loads(file.read_text())
        for one in run["benchmarks"][:cases]:
            one["options"] = options
        file.write_text(json.dumps(run))
    return [read(file) for file in files]


def test_case_that_another_clock_timed_is_not_compared(save_series: SaveSeries) -> None:
    """It is named with both clocks; the others are compared."""
    old = timed_by(save_series(CASES, name="old", seed=1), timer="perf_counter")
    new = timed_by(save_series(CASES, name="new", seed=2), cases=1, timer="time.process_time")
    compared = compare(old, new, LIMITS)
    assert [case.label.split()[2] for case in compared.cases] == ["ray_blocks"]
    assert compared.missing == ()
    assert re.search(
        r"Timed by different clocks, so not compared: .*\[loop-serial-small\] \(perf_counter, "
        r"process_time\)\.",
        " ".join(sentences(compared)),
    )


def test_nothing_of_one_clock_is_refused(save_series: SaveSeries) -> None:
    """Where no case is left, one sentence says why."""
    old = timed_by(save_series(CASES, name="old", seed=1), timer="perf_counter")
    new = timed_by(save_series(CASES, name="new", seed=2), timer="process_time")
    with pytest.raises(ValueError, match="no case was timed by the same clock in all launches"):
        compare(old, new, LIMITS)


def test_garbage_collector_is_named_like_software(save_series: SaveSeries) -> None:
    """Off in one set and on in the other: the heading says it."""
    old = timed_by(save_series(CASES, name="old", seed=1), disable_gc=False)
    new = timed_by(save_series(CASES, name="new", seed=2), disable_gc=True)
    assert "garbage collector differs: on -> off" in conditions(old, new, "stored")
    assert not [one for one in conditions(old, old, "stored") if "collector" in one]


def test_history_is_of_one_clock(save_series: SaveSeries) -> None:
    """The points of another clock than the newest one's are left out."""
    old = timed_by(save_series(CASES, name="old", seed=1), timer="process_time")
    new = timed_by(save_series(CASES, name="new", seed=2), timer="perf_counter")
    assert [len(one.medians) for one in histories([*old, *new])] == [1, 1]
    assert [len(one.medians) for one in histories([*new, *new])] == [1, 1]


def test_clock_that_stands_while_one_waits_tells_no_speed_up(save_series: SaveSeries) -> None:
    """By process_time a Ray case takes nearly nothing: it is among the other timings."""
    (one,) = timed_by(save_series(CASES, launches=1), timer="process_time")
    found = subject.read([one])
    assert (found.cases, len(found.others)) == ((), 2)
    (note,) = found.notes
    assert "process_time does not count waiting for others to work" in note


def test_speed_ups_by_such_a_clock_are_not_compared(save_series: SaveSeries) -> None:
    """Nor across machines."""
    old = timed_by(save_series(CASES, name="old", seed=1), timer="process_time")
    with pytest.raises(ValueError, match="no case besides serial ones"):
        compare(old, old, LIMITS, "across machines")
