"""A crossing is claimed only between places whose sides are certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.crossing import Crossing, Side, crossing

NAMES: dict[str, Side] = {"b": "below", "u": "unclear", "a": "above"}


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ("ba", Crossing(0, 1)),
        ("bbuaa", Crossing(1, 3)),
        ("bubaua", Crossing(2, 5)),  # between the fourth and the fifth it may have been lost
        ("uuu", Crossing(None, None)),
        ("aa", Crossing(None, 0)),
        ("bb", Crossing(1, None)),
        ("bu", Crossing(0, None)),
        ("ua", Crossing(None, 1)),
        ("aab", None),
        ("baba", None),
        ("", Crossing(None, None)),
    ],
)
def test_crossing_is_between_certain_places(sides: str, expected: Crossing | None) -> None:
    """It is after the last place below, and before those that are above to the end."""
    assert crossing([NAMES[side] for side in sides]) == expected


@given(sides=st.text("bua", max_size=8))
def test_crossing_holds_what_is_certain(sides: str) -> None:
    """What it claims is so: the place below is below, and all from the one above on are above."""
    found = crossing([NAMES[side] for side in sides])
    if found and found.below is not None:
        assert sides[found.below] == "b"
        assert "b" not in sides[found.below + 1 :]
    if found and found.above is not None:
        assert set(sides[found.above :]) == {"a"}
