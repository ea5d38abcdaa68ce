"""Where the time of a Ray call goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.phases import split

MOMENTS = st.lists(st.floats(0, 100), min_size=4, max_size=4, unique=True).map(sorted)


@given(moments=MOMENTS)
def test_phases_add_up_to_the_call(moments: list[float]) -> None:
    """However the tasks lie in the call, start, waiting, executing and fetching are all of it."""
    begun, first, last, ended = moments
    middle = (first + last) / 2
    phases = split(begun, ended, [(first, middle), (middle, last)], cpus=2)

    assert phases.whole == pytest.approx(ended - begun)
    assert phases.waiting == pytest.approx((last - first) / 2)  # one of two CPUs is always idle


def test_one_task_waits_for_no_second_cpu() -> None:
    """The whole matrix in one task can use one CPU: the other one does not count as waiting."""
    phases = split(0.0, 4.0, [(1.0, 3.0)], cpus=8)
    assert (phases.start, phases.waiting, phases.executing, phases.fetching) == (1, 0, 2, 1)
