"""What is said about a problem and size: nothing of equal arms, and all of clear differences."""

import re
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from rayscale.measured import Beside, MeasuredCase, OnNode, blocks
from rayscale.suite.gain import Block, cost
from rayscale.suite.sentences import (
    chosen,
    cost_in_words,
    footnotes,
    gained,
    in_pairs,
    sizes_of,
)

Draw = Callable[[int], NDArray[np.float64]]
ARMS = [
    (kernel, way, cpus)
    for kernel in ("loop", "numpy")
    for way, cpus in (
        ("serial", 1),
        ("ray_whole", 1),
        ("ray_blocks", 1),
        ("ray_blocks", 2),
        ("ray_blocks", 4),
        ("ray_per_row", 2),
        ("ray_per_row", 4),
    )
]
RAY = [arm for arm in ARMS if arm[1] != "serial"]
BLOCKS = 500  # problems and sizes made for each rate


def block(draw: Draw, rounds: int, factors: Mapping[tuple[str, str, int], float]) -> Block:
    """Return a case for each arm, of *rounds* draws times its factor, 1 if it has none."""
    return [
        MeasuredCase(
            problem="mean",
            kernel=kernel,
            implementation=way,
            cpus=cpus,
            size="small",
            seconds=tuple((factors.get((kernel, way, cpus), 1.0) * draw(rounds)).tolist()),
        )
        for kernel, way, cpus in ARMS
    ]


def said(cases: Block) -> list[str]:
    """Return all that is said about a problem and size, without what marks mean."""
    gains = [gained(kernel, cases) for kernel in ("loop", "numpy")]
    return [cost_in_words(cost(cases)), *chosen(cases), *gains]


def claims(cases: Block) -> int:
    """Return in how many places something is called faster, slower, enough or never enough."""
    words = ("is faster", "are faster", "x [", "never", "CPU (", "CPUs (")
    neutral = ("cannot be told from", "about as fast as", "too few timings")
    parts = [part for sentence in said(cases) for part in sentence.split("; ")]
    told = [part for part in parts if any(word in part for word in words)]
    return sum(not any(word in part for word in neutral) for part in told)


DRAWS: dict[str, Callable[[np.random.Generator], Draw]] = {
    "normal": lambda rng: lambda rounds: rng.normal(1.0, 0.05, rounds),
    "skewed": lambda rng: lambda rounds: 1.0 + rng.exponential(0.1, rounds),
    "ties": lambda rng: lambda rounds: rng.integers(5, 9, rounds).astype(float),
}


@pytest.mark.parametrize("rounds", [7, 12, 40])
@pytest.mark.parametrize("noise", DRAWS)
def test_nothing_is_claimed_of_equal_arms(noise: str, rounds: int) -> None:
    """Any claim at all, of a table of fourteen equal cases, is as rare as one 95 % allows."""
    draw = DRAWS[noise](np.random.default_rng(8))
    wrong = sum(claims(block(draw, rounds, {})) > 0 for _ in range(BLOCKS))
    # Ends of two 97.5 % intervals that lie apart are rarer than 5 %, and pay for several cases.
    assert wrong / BLOCKS <= 0.05


@pytest.mark.parametrize("rounds", [3, 6])
def test_few_rounds_claim_nothing(rounds: int) -> None:
    """Without an interval even a factor of ten is shown, and not claimed."""
    draw = DRAWS["normal"](np.random.default_rng(9))
    cases = block(draw, rounds, dict.fromkeys(RAY, 0.1))
    assert claims(cases) == 0
    assert "cannot be told (" in said(cases)[0]
    assert "too few timings to be compared with serial" in said(cases)[-1]


@pytest.mark.parametrize("noise", ["normal", "skewed"])
def test_clear_differences_are_claimed(noise: str) -> None:
    """Twice as fast on two CPUs, half as fast on one: said in each of 100 runs of 12 rounds."""
    draw = DRAWS[noise](np.random.default_rng(10))
    factors = {arm: {1: 2.0, 2: 0.5, 4: 0.3}[arm[2]] for arm in RAY}
    for _ in range(100):
        cases = block(draw, 12, factors)
        enough, *gains = said(cases)
        assert enough.startswith("2 CPUs (")
        for one in gains:
            assert re.search(
                r"ray_blocks on 4 CPUs is 3\.\S+ \[.*?\] \(n=12\) as fast as serial", one
            )
            assert re.search(
                r"ray_whole on 1 CPU takes \S+ \[.*?\] \(n=12\) as long as serial", one
            )
        assert claims(cases) == 1 + 2 * 3  # COST, and three ways of two kernels


def test_fewer_cpus_that_are_faster_are_named() -> None:
    """Where four CPUs are slower than two, both are said; the larger count comes first."""
    draw = DRAWS["normal"](np.random.default_rng(16))
    cases = block(draw, 12, {("loop", "ray_blocks", 2): 0.5, ("loop", "ray_blocks", 4): 0.8})
    assert re.search(
        r"ray_blocks on 4 CPUs is 1\.\S+ \[.*?\] \(n=12\) as fast as serial "
        r"\(fewer CPUs are faster: on 2 CPUs it is (1\.9|2\.0)\S+ \[.*?\] \(n=12\) as fast\)",
        gained("loop", cases),
    )


def test_never_is_said_where_each_case_is_slower() -> None:
    """Ray that takes twice as long everywhere never pays, on as many CPUs as were tried."""
    draw = DRAWS["normal"](np.random.default_rng(11))
    slow = block(draw, 12, dict.fromkeys(RAY, 2.0))
    assert said(slow)[0].startswith("never, on up to 4 CPUs (")
    one_unsure = block(draw, 12, dict.fromkeys(RAY[1:], 2.0))
    assert not said(one_unsure)[0].startswith("never")


def test_wide_intervals_never_mean_that_nothing_changes() -> None:
    """About as fast needs an interval within 5 %; a wide one that holds 1 cannot be told."""
    rng = np.random.default_rng(12)
    draws: list[Draw] = [
        lambda rounds: rng.normal(1.0, 0.01, rounds),
        lambda rounds: rng.normal(1.0, 0.2, rounds),
    ]
    narrow, wide = (" ".join(said(block(draw, 40, {}))) for draw in draws)
    assert "is about as fast as serial" in narrow
    assert "is about as fast" not in wide
    assert "cannot be told from serial" in wide


def test_kernel_is_chosen_where_it_is_certain() -> None:
    """A kernel that is a hundred times as fast is named; its rival and the ratio, too."""
    draw = DRAWS["normal"](np.random.default_rng(13))
    fast = {arm: 0.01 for arm in ARMS if arm[0] == "numpy"}
    (sentence,) = chosen(block(draw, 12, fast))
    assert sentence.startswith("The numpy kernel on one CPU takes 9")
    assert "faster than every parallel case of the other kernels" in sentence
    assert list(chosen(block(draw, 12, {}))) == []


def test_footnotes_are_silent_where_all_is_equal() -> None:
    """No mark, no note."""
    draw = DRAWS["normal"](np.random.default_rng(14))
    assert list(footnotes(block(draw, 12, {}))) == []


def test_pairs_with_serial_are_a_gain_and_not_a_rivalry() -> None:
    """They say what a way gains, whatever its rounds by themselves would say; a note says so."""
    draw = DRAWS["normal"](np.random.default_rng(17))
    pairs = Beside("serial", 1.0, 1.5, 1.4, 1.6, 9)
    cases = [
        case if case.implementation != "ray_whole" else msgspec.structs.replace(case, beside=pairs)
        for case in block(draw, 12, {})
    ]
    assert "ray_whole on 1 CPU is 1.50x [1.40, 1.60] (n=9) as fast as serial" in gained(
        "loop", cases
    )
    assert list(in_pairs("loop", cases)) == []
    (note,) = footnotes(cases)
    assert note.startswith("In pairs with serial: ")


def node(**other: object) -> OnNode:
    """Return a node of a cluster that a case had a CPU on."""
    usual: dict[str, object] = {
        "node": "a" * 56,
        "cpus": 1,
        "away": False,
        "cpu": "AMD EPYC",
        "niceness": 0,
        "blas_threads": 1,
        "allocator": "glibc",
        "load": 0.5,
    }
    return msgspec.convert(usual | other, OnNode)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, []),
        ({"load": 1.4}, []),
        ({"load": 1.6}, ["Unequal among nodes: load before a case, 0.5 to 1.6."]),
        ({"cpu": "Intel"}, ["Unequal among nodes: processors: AMD EPYC, Intel."]),
        ({"niceness": 15}, ["Unequal among nodes: niceness: 0, 15."]),
        ({"blas_threads": 4}, ["Unequal among nodes: BLAS threads: 1, 4."]),
        ({"allocator": "musl"}, ["Unequal among nodes: allocators: glibc, musl."]),
    ],
)
def test_footnotes_say_in_what_nodes_differ(other: dict[str, object], said: list[str]) -> None:
    """One that is slower, or that others use, makes a case slower than its CPU count says."""
    usual, *rest = block(np.random.default_rng(1).random, 12, {})
    on_two = msgspec.structs.replace(usual, on_nodes=(node(), node(node="b" * 56, **other)))

    assert list(footnotes([on_two, *rest])) == said


def test_placements_are_two_blocks() -> None:
    """Each is compared with the serial cases, and its heading says which it is."""
    every = block(np.random.default_rng(1).random, 12, {})
    cases = [one for one in every if one.kernel == "loop"]
    serial, ray = cases[0], cases[-1]
    both = [msgspec.structs.replace(ray, placement=one) for one in ("pack", "spread")]
    packed, spread = blocks([serial, *both])

    assert [one.implementation for one in packed] == ["serial", "ray_per_row"]
    assert [one.implementation for one in spread] == ["serial", "ray_per_row"]
    assert sizes_of(packed[0]) == f"{sizes_of(serial)}, packed on few nodes"
    assert sizes_of(spread[0]) == f"{sizes_of(serial)}, spread over many nodes"


def test_footnotes_say_what_was_set_late() -> None:
    """Cases that were timed after NumPy had been imported by others have a note with the remedy."""
    draw = DRAWS["normal"](np.random.default_rng(15))
    late = [msgspec.structs.replace(case, set_late=True) for case in block(draw, 12, {})]
    (note,) = footnotes(late)
    assert note.startswith("Set late: ")
    assert "'rayscale = true'" in note
