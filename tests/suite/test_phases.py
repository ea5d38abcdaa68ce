"""Where the time of a Ray call goes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite import phases, stage, witness
from rayscale.suite.case import Case
from rayscale.suite.environment import conditions
from rayscale.suite.observers import Clock
from rayscale.suite.phases import Phases, _by_this_clock, _within, observe, split
from rayscale.suite.stage import Stage
from rayscale.suite.trial import Trial
from rayscale.suite.ways import serial

MOMENTS = st.lists(st.floats(0, 100), min_size=4, max_size=4, unique=True).map(sorted)


@given(moments=MOMENTS)
def test_phases_add_up_to_the_call(moments: list[float]) -> None:
    """However the tasks lie in the call, start, waiting, executing and fetching are all of it."""
    begun, first, last, ended = moments
    middle = (first + last) / 2
    found = split(begun, ended, [(first, middle), (middle, last)], cpus=2)

    assert found.whole == pytest.approx(ended - begun)
    assert found.waiting == pytest.approx((last - first) / 2)  # one of two CPUs is always idle


def test_one_task_waits_for_no_second_cpu() -> None:
    """The whole matrix in one task can use one CPU: the other one does not count as waiting."""
    found = split(0.0, 4.0, [(1.0, 3.0)], cpus=8)
    assert (found.start, found.waiting, found.executing, found.fetching) == (1, 0, 2, 1)


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Phases | None]:
    """Return a function that observes calls, of so many *seconds* each by a clock of their own."""

    def observed(*seconds: float, workers: Any = ()) -> Phases | None:
        now, left = [0.0], list(seconds)
        clock = SimpleNamespace(perf_counter=lambda: now[0])
        monkeypatch.setattr(phases, "time", clock)
        monkeypatch.setattr(witness, "time", clock)

        def kernel(rows: list[int]) -> list[int]:
            now[0] += left.pop(0)
            return rows

        case = Case("made_up", "kernel", "serial", 1, "small", "")
        seen = observe(Trial(case, serial, [1], Stage(None, workers, stage._seen_here)), kernel)
        assert left == []
        return None if seen is None else seen.phases

    return observed


def test_first_short_call_does_not_count(observed: Callable[..., Phases | None]) -> None:
    """A short call is noted five times after one that warms the workers; the middle one is it."""
    found = observed(0.09, 0.001, 0.005, 0.003, 0.002, 0.004)
    assert found is not None
    assert found.executing == pytest.approx(0.003)


def test_long_call_is_noted_once(observed: Callable[..., Phases | None]) -> None:
    """A call that takes a tenth of a second or more is its own warm-up: a launch stays short."""
    found = observed(0.1)
    assert found is not None
    assert found.executing == pytest.approx(0.1)


def test_clocks_of_two_machines_are_not_mixed(observed: Callable[..., Phases | None]) -> None:
    """Where a worker is on another machine, and not on a node, its clock cannot be asked."""
    elsewhere = SimpleNamespace(host="elsewhere", node="")
    assert observed(workers=(conditions(), elsewhere)) is None


def test_span_of_another_clock_is_of_the_call_around_it() -> None:
    """What a node ahead by 100 s noted is put on this clock, and no task began before its call."""
    known = {"there": Clock(ahead=100.0, within=0.1)}
    spans = list(
        _by_this_clock({"": [(3.0, 4.0)], "there": [(100.95, 102.0), (103.0, 104.1)]}, known)
    )

    assert list(_within((1.0, 2.5), spans)) == [(1.0, 2.0)]
    assert list(_within((2.5, 4.0), spans)) == [(3.0, 4.0), (3.0, 4.0)]
