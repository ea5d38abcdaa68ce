"""A ratio claims what its interval carries, and no more."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.intervals import Interval
from rayscale.ratio import Ratio

BOUNDS = st.floats(1e-3, 1e3)


@dataclass(frozen=True)
class Stretch:
    """Something that was timed."""

    median: float
    interval: Interval | None
    n: int


SERIAL = Stretch(6.0, Interval(5.9, 6.1), 12)
PARALLEL = Stretch(4.0, Interval(3.9, 4.1), 7)


def test_ratio_is_of_opposite_ends() -> None:
    """6 s in [5.9, 6.1] over 4 s in [3.9, 4.1]: 1.5, in [5.9 / 4.1, 6.1 / 3.9], of 7 rounds."""
    found = Ratio.of(SERIAL, PARALLEL)
    assert found.value == pytest.approx(1.5)
    assert found.interval == pytest.approx(Interval(5.9 / 4.1, 6.1 / 3.9))
    assert found.n == 7


@pytest.mark.parametrize("few", ["reference", "timed"])
def test_ratio_of_few_rounds_has_no_interval(few: str) -> None:
    """Where either has no interval, the ratio has none, and cannot be told."""
    bare = Stretch(6.0, None, 3)
    found = Ratio.of(bare, PARALLEL) if few == "reference" else Ratio.of(SERIAL, bare)
    assert found.interval is None
    assert found.n == 3
    assert found.answer == "cannot be told"


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        (None, "cannot be told"),
        ((1.87, 1.91), "faster"),
        ((1.01, 1.2), "faster"),
        ((0.83, 0.99), "slower"),
        ((0.83, 1.2), "cannot be told"),
        ((1.0, 1.2), "cannot be told"),
        ((0.9, 1.0), "cannot be told"),
        # The margin is 5 %: 1 / 1.05 = 0.952.
        ((0.98, 1.02), "about as fast"),
        ((0.99, 0.995), "about as fast"),
        ((0.953, 1.05), "about as fast"),
        ((0.95, 0.99), "slower"),
        ((0.98, 1.051), "cannot be told"),
    ],
)
def test_answer_is_what_the_interval_carries(
    interval: tuple[float, float] | None, answer: str
) -> None:
    """A ratio is called a difference only where the whole interval is on one side of 1."""
    bounds = Interval(*interval) if interval else None
    assert Ratio(1.9, bounds, n=7).answer == answer


@given(one=BOUNDS, other=BOUNDS)
def test_inverse_turns_the_answer_round(one: float, other: float) -> None:
    """What is faster seen from one side is slower from the other."""
    opposite = {"faster": "slower", "slower": "faster"}
    ratio = Ratio(1.0, Interval(min(one, other), max(one, other)), n=7)
    assert ratio.inverse.answer == opposite.get(ratio.answer, ratio.answer)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio(1.89, Interval(1.87, 1.91), 12), "1.89x [1.87, 1.91] (n=12)"),
        (Ratio(1.89, None, 3), "1.89x ~ (n=3)"),
        (Ratio(507.2, Interval(497.0, 518.0), 9), "507x [497, 518] (n=9)"),
    ],
)
def test_ratio_shows_interval_and_n(ratio: Ratio, text: str) -> None:
    """A figure never stands without its interval, or the sign that there is none, and its n."""
    assert str(ratio) == text
    assert ratio.figure == text.rpartition(" ")[0]
