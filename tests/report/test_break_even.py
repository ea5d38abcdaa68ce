"""Where Ray overtakes serial: between sizes that both have, and only where it is certain."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from rayscale.measured import MeasuredCase
from rayscale.report.break_even import break_even, lines, sizes

SIZES = {"small": 100, "middle": 10_000, "large": 1_000_000}
SPREAD = (0.02, -0.03, 0.01, 0.0, -0.01, 0.03, -0.02)


def case(size: str, seconds: float, way: str = "ray_blocks", cpus: int = 2) -> MeasuredCase:
    """Return a case of a matrix with *size* points, whose rounds lie within 3 % of *seconds*."""
    return MeasuredCase(
        problem="mean",
        kernel="loop",
        implementation=way,
        cpus=1 if way == "serial" else cpus,
        size=size,
        shape=(10, SIZES[size] // 10),
        seconds=tuple(seconds * (1 + each) for each in SPREAD),
    )


TIMES = (1.0, 10.0, 100.0)
SERIAL = [case(size, took, "serial") for size, took in zip(SIZES, TIMES, strict=True)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (
            (2, 15, 60),
            "overtakes serial between middle (10,000 points) and large (1,000,0",
        ),
        # At 10,000 points 10 s against 10 s cannot be told: the crossing may be on either side.
        ((2, 10, 60), "overtakes serial between small (100 points) and large (1,000,000 points)"),
        ((0.5, 5, 60), "is faster than serial from small (100 points) on, the smallest size"),
        ((2, 15, 150), "is slower than serial at large (1,000,000 points), the largest size"),
        (
            (1, 5, 60),
            "is faster than serial from middle (10,000 points) on; below it can",
        ),
        ((2, 15, 100), "is slower than serial at middle (10,000 points); above it cannot be told"),
        ((1, 10, 100), "cannot be told from serial between small (100 points) and large (1,0"),
        ((0.5, 15, 60), "cannot be told from serial between small"),  # it is lost and found again
    ],
)
def test_break_even_says_what_is_certain(seconds: Sequence[float], words: str) -> None:
    """Sizes where it is faster, slower, or cannot be told, in all orders."""
    line = [case(size, took) for size, took in zip(SIZES, seconds, strict=True)]
    assert break_even(SERIAL, line).words.startswith(words)


def test_break_even_needs_two_sizes_in_common() -> None:
    """What was measured at one size, or at others than serial, has no crossing."""
    for line in ([case("large", 1.0)], [case("large", 1.0), case("small", 0.1)]):
        found = break_even(SERIAL[:1], line)
        assert found.words == "has fewer than two sizes in common with serial"


def test_break_even_of_equal_arms_is_rarely_claimed() -> None:
    """Two equal lines at three sizes: any claim in at most 5 % of 1000 runs."""
    draw = np.random.default_rng(15)

    def noisy(cases: Sequence[MeasuredCase]) -> list[MeasuredCase]:
        return [
            msgspec.structs.replace(
                one, seconds=tuple((one.median * draw.lognormal(0, 0.1, 7)).tolist())
            )
            for one in cases
        ]

    equal = [case(size, took) for size, took in zip(SIZES, TIMES, strict=True)]
    said = [break_even(noisy(SERIAL), noisy(equal)).words for _ in range(1000)]
    assert sum("cannot be told from serial" not in one for one in said) <= 50


def test_lines_are_those_of_the_most_fair_cpus() -> None:
    """An oversubscribed count is left out, and fewer CPUs than the most."""
    crowded = msgspec.structs.replace(case("small", 1.0, cpus=16), oversubscribed=True)
    two = [case("large", 60.0), case("small", 2.0)]
    found = lines([*SERIAL, *two, case("small", 3.0, cpus=1), crowded])
    assert found == {"serial": SERIAL, "ray_blocks": two[::-1]}


def test_sizes_without_shape_are_ordered_by_time() -> None:
    """Names say nothing of the order, nor does the order in which they were measured."""
    unknown = [msgspec.structs.replace(one, shape=()) for one in (SERIAL[2], SERIAL[0], SERIAL[1])]
    assert sizes(unknown) == ["small", "middle", "large"]
    found = break_even(unknown, [case("small", 2.0), case("large", 60.0)])
    assert sizes(SERIAL[::-1]) == ["small", "middle", "large"]
    assert found.below is not None


def test_items_of_a_list_are_counted_as_items() -> None:
    """One number as shape is a list's length."""
    short = [
        msgspec.structs.replace(one, shape=(n,)) for n, one in zip((5, 9), SERIAL, strict=False)
    ]
    assert "between small (5 items) and middle (9 items)" in break_even(short, short).words
