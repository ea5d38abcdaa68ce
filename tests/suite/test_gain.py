"""What Ray gained, computed from made-up cases."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from rayscale.intervals import Interval
from rayscale.measured import Beside, MeasuredCase, blocks
from rayscale.ratio import Ratio
from rayscale.suite.gain import cost, fastest, gain, gains, kernel_choice
from rayscale.suite.sentences import cost_in_words

# Seven rounds within 0.1 of the median: their 97.5 % interval is from the least to the largest.
SEVEN = (0.02, -0.1, 0.05, 0.0, -0.05, 0.1, -0.02)


def case(
    kernel: str,
    implementation: str,
    median: float,
    cpus: int = 1,
    spread: tuple[float, ...] = SEVEN,
    problem: str = "moving_average",
    size: str = "small",
    *,
    oversubscribed: bool = False,
) -> MeasuredCase:
    """Return a case whose rounds lie around *median*."""
    return MeasuredCase(
        problem=problem,
        kernel=kernel,
        implementation=implementation,
        cpus=cpus,
        size=size,
        shape=(100, 100),
        oversubscribed=oversubscribed,
        niceness=0,
        seconds=tuple(median + each for each in spread),
    )


LOOP = case("loop", "serial", 6.0)
NUMPY = case("numpy", "serial", 1.0)


def test_gain_is_serial_over_parallel() -> None:
    """Serial 6 s, Ray 4 s on 2 CPUs: 1.5 times as fast, 75 % of what the CPUs can give."""
    parallel = case("loop", "ray_blocks", 4.0, cpus=2)
    result = gain(parallel, [LOOP, parallel])
    assert result is not None
    assert result.case is parallel
    assert result.ratio.value == pytest.approx(6 / 4)
    assert result.efficiency.value == pytest.approx(6 / 4 / 2)


def test_gain_is_that_of_pairs_with_serial() -> None:
    """Rounds beside serial ones tell more than the two medians, and need no serial case."""
    pairs = Beside("serial", 9.0, 1.8, 1.7, 1.9, 7)
    parallel = replace(case("loop", "ray_blocks", 4.0, cpus=2), beside=pairs)
    for block in ([LOOP, parallel], [parallel]):
        result = gain(parallel, block)
        assert result is not None
        assert (result.ratio, result.alone) == (Ratio(1.8, Interval(1.7, 1.9), 7), 9.0)
    other = replace(parallel, beside=replace(pairs, implementation="ray_whole"))
    assert gain(other, [other]) is None


def test_cost_agrees_with_pairs() -> None:
    """A case whose rounds look faster, and whose pairs with serial cannot tell, beats nothing."""
    parallel = case("loop", "ray_blocks", 2.0, cpus=2)
    assert cost([LOOP, parallel]).enough is parallel
    unclear = replace(parallel, beside=Beside("serial", 6.0, 1.4, 0.9, 1.8, 7))
    found = cost([LOOP, unclear])
    assert (found.enough, found.unsure) == (None, (unclear,))
    assert "cannot be told from loop on one CPU, 1.40x [0.90, 1.80] (n=7)" in cost_in_words(found)
    other = cost([case("numpy", "serial", 6.0), unclear])  # of another kernel there are no pairs
    assert other.enough is unclear


def test_gain_without_serial_case_is_none() -> None:
    """Only the serial case of the same kernel will do; another kernel's is no measure."""
    parallel = case("loop", "ray_blocks", 4.0)
    assert gain(parallel, [parallel, NUMPY]) is None
    assert gain(parallel, []) is None


def test_gains_are_those_of_the_most_fair_cpus() -> None:
    """Neither an oversubscribed count is taken, nor a smaller one that was faster."""
    two = case("loop", "ray_blocks", 3.0, cpus=2)
    four = case("loop", "ray_blocks", 3.1, cpus=4)
    sixteen = case("loop", "ray_blocks", 1.0, cpus=16, oversubscribed=True)
    (found,) = gains("loop", [LOOP, sixteen, four, two])
    assert found.most.case is four
    assert found.fewer is None  # 3.0 s and 3.1 s cannot be told apart


def test_gains_name_fewer_cpus_that_are_certainly_faster() -> None:
    """Where more CPUs cost time, the count that is faster is named beside the largest."""
    two = case("loop", "ray_blocks", 3.0, cpus=2)
    four = case("loop", "ray_blocks", 5.0, cpus=4)
    (found,) = gains("loop", [LOOP, four, two])
    assert found.most.case is four
    assert found.fewer is not None
    assert found.fewer.case is two


def test_fastest_is_the_smallest_median() -> None:
    """The median decides, not the best round; no cases have no fastest."""
    lucky = case("loop", "ray_whole", 2.0, spread=(-1.9, 0.0, 0.1))
    assert fastest([LOOP, lucky, NUMPY]) is NUMPY
    assert fastest([]) is None


def test_cost_is_fewest_cpus_that_beat_a_single_thread() -> None:
    """Two CPUs beat the fastest serial kernel, so the faster four are not needed."""
    two = case("loop", "ray_blocks", 0.7, cpus=2)
    block = [LOOP, NUMPY, case("loop", "ray_blocks", 0.5, cpus=4), two]
    assert cost(block).enough is two
    assert cost(block).unsure == ()


def test_cost_counts_the_fastest_kernel_of_all() -> None:
    """Six times as fast as its own serial loop, Ray has not paid while NumPy alone is as fast."""
    ray = case("loop", "ray_blocks", 1.0, cpus=8)
    assert cost([LOOP, ray]).enough is ray
    assert cost([LOOP, NUMPY, ray]).enough is None
    assert cost([LOOP, NUMPY, ray]).unsure == (ray,)


def test_cost_must_beat_each_serial_kernel() -> None:
    """The serial case with the smallest median has so wide an interval that it need not be it."""
    wide = case("wide", "serial", 1.0, spread=(-0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0))
    ray = case("loop", "ray_blocks", 0.85, cpus=2, spread=(0.0,) * 7)
    assert cost([wide, ray]).enough is ray
    close = case("close", "serial", 0.9, spread=(-0.1, *[0.101] * 6))
    assert cost([wide, close, ray]).enough is None


def test_cost_is_an_upper_bound_where_fewer_cpus_cannot_be_told() -> None:
    """One CPU is within its spread of serial: four are enough, and one may be."""
    one = case("loop", "ray_blocks", 5.95)
    four = case("loop", "ray_blocks", 2.0, cpus=4)
    wide = case("loop", "ray_whole", 5.8, spread=(-1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0))
    found = cost([LOOP, one, wide, four])
    assert found.enough is four
    assert found.unsure == (wide,)  # the other one is about as fast as serial


def test_cost_leaves_out_what_is_oversubscribed() -> None:
    """A case that had fewer CPUs than it asked for does not say what so many would do."""
    crowded = case("loop", "ray_blocks", 1.0, cpus=16, oversubscribed=True)
    assert cost([LOOP, crowded]).enough is None
    assert cost([LOOP, crowded]).parallel == ()


def test_cost_prefers_the_faster_of_equal_cpus() -> None:
    """Of two cases with as few CPUs, the faster one is named."""
    faster = case("loop", "ray_blocks", 2.0, cpus=2)
    assert cost([LOOP, case("loop", "ray_per_row", 3.0, cpus=2), faster]).enough is faster


def test_cost_without_serial_or_ray_case_is_none() -> None:
    """There is nothing to beat, or nothing that could."""
    assert cost([case("loop", "ray_blocks", 0.1)]).single is None
    assert cost([LOOP, NUMPY]).parallel == ()
    assert cost([]).single is None


@pytest.mark.parametrize(
    ("failed", "changes"),
    [
        ("b/test_mean.py::test_mean[loop-ray_blocks-cpus1-small]", True),
        ("b/test_mean.py::test_mean[numpy-serial-small]", True),
        ("b/test_mean.py::test_mean[loop-ray_blocks-cpus4-small]", False),  # two are enough
        ("b/test_mean.py::test_mean[loop-ray_blocks-cpus1-large]", False),
        ("b/test_sum.py::test_sum[loop-ray_blocks-cpus1-small]", False),
    ],
)
def test_cost_knows_which_failure_could_change_it(failed: str, *, changes: bool) -> None:
    """A failed case of this problem and size, serial or on as few CPUs, may have been faster."""
    named = [
        replace(one, id=f"b/test_mean.py::test_mean[{one.kernel}-x-{one.size}]")
        for one in (LOOP, case("loop", "ray_blocks", 3.0, cpus=2))
    ]
    assert bool(cost(named, [failed]).failed) is changes


def test_kernel_is_chosen_only_if_it_beats_every_ray_case() -> None:
    """NumPy at 1 s beats the loop on Ray at 2 s for certain; at 1.1 s it cannot be told."""
    slow, near = case("loop", "ray_whole", 5.9), case("loop", "ray_blocks", 1.1, cpus=2)
    fast = case("loop", "ray_blocks", 2.0, cpus=2)
    found = kernel_choice([LOOP, NUMPY, slow, fast])
    assert found is not None
    assert (found.single, found.rival) == (NUMPY, fast)
    assert found.ratio.value == pytest.approx(2.0)
    assert kernel_choice([LOOP, NUMPY, slow, near]) is None


def record() -> dict[str, Any]:
    """Return one entry of a saved run's ``benchmarks``, with what pytest-benchmark adds."""
    return {
        "group": "moving_average small",
        "name": "test_moving_average[loop-ray_blocks-cpus2-small]",
        "fullname": "benchmarks/test_moving_average.py::test_moving_average[...]",
        "params": {"kernel": "loop", "cpus": 2},
        "extra_info": {
            "problem": "moving_average",
            "kernel": "loop",
            "implementation": "ray_blocks",
            "cpus": 2,
            "size": "small",
            "shape": [100, 90],
            "tasks": 2,
            "bytes_per_task": 36000,
            "workers": 2,
            "niceness": 15,
            "blas_threads": 1,
            "allocator": "glibc",
            "oversubscribed": True,
        },
        "stats": {"min": 0.25, "median": 0.5, "rounds": 3, "data": [0.5, 0.25, 1.0]},
    }


def test_measured_case_reads_record() -> None:
    """A case has the identity and the raw timings of pytest-benchmark's record."""
    read = MeasuredCase.from_record(record())
    assert read == MeasuredCase(
        problem="moving_average",
        kernel="loop",
        implementation="ray_blocks",
        cpus=2,
        size="small",
        shape=(100, 90),
        oversubscribed=True,
        niceness=15,
        seconds=(0.5, 0.25, 1.0),
        tasks=2,
        id="benchmarks/test_moving_average.py::test_moving_average[...]",
    )
    assert read.median == 0.5
    assert read.interval is None  # of three rounds
    assert not read.is_serial


def test_measured_case_interval_needs_seven_rounds() -> None:
    """The interval is one of 97.5 %: six rounds give 1 - 2 / 2**6 = 96.9 %, seven 98.4 %."""
    assert case("loop", "serial", 6.0, spread=SEVEN[1:]).interval is None
    assert LOOP.interval == Interval(5.9, 6.1)


@pytest.mark.parametrize("missing", ["problem", "kernel", "cpus", "size"])
def test_measured_case_needs_what_names_it(missing: str) -> None:
    """A record that lacks what decides is an error that names it, never a guess."""
    incomplete = record()
    del incomplete["extra_info"][missing]
    with pytest.raises(msgspec.ValidationError, match=missing):
        MeasuredCase.from_record(incomplete)


def test_measured_case_points_need_a_shape() -> None:
    """An older run, or a list of anything, has no shape or one number: 100 x 90 are 9000."""
    read = MeasuredCase.from_record(record())
    assert read.points == 9000
    assert replace(read, shape=(7,)).points == 7
    assert replace(read, shape=()).points is None


def test_blocks_gather_problem_and_size() -> None:
    """Cases of one problem and size belong together, in the order in which they were measured."""
    large = case("loop", "serial", 9.0, size="large")
    nap = case("timer", "serial", 0.4, problem="timer")
    assert blocks([LOOP, large, nap, NUMPY]) == [[LOOP, NUMPY], [large], [nap]]


def test_blocks_keep_processes_apart() -> None:
    """What two processes of an interrupted run have timed is not compared."""
    later = replace(NUMPY, process=2)
    assert blocks([LOOP, later]) == [[LOOP], [later]]
