"""What Ray gained, computed from made-up cases."""

from typing import Any

import pytest

from rayscale.intervals import Interval
from rayscale.measured import MeasuredCase, blocks
from rayscale.suite.gain import cost, fastest, gain

# Seven rounds within 0.1 of the median: their 97.5 % interval is from the first to the last.
SEVEN = (-0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1)


def case(
    kernel: str,
    implementation: str,
    median: float,
    cpus: int = 1,
    spread: tuple[float, ...] = SEVEN,
    problem: str = "moving_average",
    size: str = "small",
) -> MeasuredCase:
    """Return a case whose rounds lie around *median*."""
    return MeasuredCase(
        problem=problem,
        kernel=kernel,
        implementation=implementation,
        cpus=cpus,
        size=size,
        shape=(100, 100),
        oversubscribed=False,
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
    assert result.ratio == pytest.approx(6 / 4)
    assert result.efficiency == pytest.approx(6 / 4 / 2)


def test_gain_has_interval_of_opposite_ends() -> None:
    """Serial in [5.9, 6.1] and Ray in [3.9, 4.1]: the gain is in [5.9 / 4.1, 6.1 / 3.9]."""
    result = gain(case("loop", "ray_blocks", 4.0), [LOOP])
    assert result is not None
    assert result.interval == pytest.approx(Interval(5.9 / 4.1, 6.1 / 3.9))


@pytest.mark.parametrize("few", ["serial", "parallel"])
def test_gain_of_few_rounds_has_no_interval(few: str) -> None:
    """Where either case has too few rounds, the ratio stands without an interval."""
    three = SEVEN[2:5]
    serial = case("loop", "serial", 6.0, spread=three if few == "serial" else SEVEN)
    parallel = case("loop", "ray_whole", 4.0, spread=three if few == "parallel" else SEVEN)
    result = gain(parallel, [serial])
    assert result is not None
    assert result.ratio == pytest.approx(6 / 4)
    assert result.interval is None


def test_gain_without_serial_case_is_none() -> None:
    """Only the serial case of the same kernel will do; another kernel's is no measure."""
    parallel = case("loop", "ray_blocks", 4.0)
    assert gain(parallel, [parallel, NUMPY]) is None
    assert gain(parallel, []) is None


def test_fastest_is_the_smallest_median() -> None:
    """The median decides, not the best round; no cases have no fastest."""
    lucky = case("loop", "ray_whole", 2.0, spread=(-1.9, 0.0, 0.1))
    assert fastest([LOOP, lucky, NUMPY]) is NUMPY
    assert fastest([]) is None


def test_cost_is_fewest_cpus_that_beat_a_single_thread() -> None:
    """Two CPUs beat the fastest serial kernel, so the faster four are not needed."""
    two = case("loop", "ray_blocks", 0.9, cpus=2)
    block = [LOOP, NUMPY, case("loop", "ray_blocks", 0.5, cpus=4), two]
    assert cost(block) is two


def test_cost_counts_the_fastest_kernel_of_all() -> None:
    """Six times as fast as its own serial loop, Ray has not paid while NumPy alone is faster."""
    ray = case("loop", "ray_blocks", 1.0, cpus=8)
    assert cost([LOOP, ray]) is ray
    assert cost([LOOP, NUMPY, ray]) is None  # 1.0 s is as fast, not faster


def test_cost_prefers_the_faster_of_equal_cpus() -> None:
    """Of two cases with as few CPUs, the faster one is named."""
    faster = case("numpy", "ray_blocks", 0.7, cpus=2)
    assert cost([NUMPY, case("loop", "ray_per_row", 0.8, cpus=2), faster]) is faster


def test_cost_without_serial_or_ray_case_is_none() -> None:
    """There is nothing to beat, or nothing that could."""
    assert cost([case("loop", "ray_blocks", 0.1)]) is None
    assert cost([LOOP, NUMPY]) is None
    assert cost([]) is None


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
    )
    assert read.median == 0.5
    assert read.interval is None  # of three rounds
    assert not read.is_serial


def test_measured_case_interval_needs_seven_rounds() -> None:
    """The interval is one of 97.5 %: six rounds give 1 - 2 / 2**6 = 96.9 %, seven 98.4 %."""
    assert case("loop", "serial", 6.0, spread=SEVEN[1:]).interval is None
    assert LOOP.interval == Interval(5.9, 6.1)


@pytest.mark.parametrize("missing", ["problem", "shape", "niceness"])
def test_measured_case_needs_every_field(missing: str) -> None:
    """A record that lacks what decides is a KeyError that names it, never a guess."""
    incomplete = record()
    del incomplete["extra_info"][missing]
    with pytest.raises(KeyError, match=missing):
        MeasuredCase.from_record(incomplete)


def test_blocks_gather_problem_and_size() -> None:
    """Cases of one problem and size belong together, in the order in which they were measured."""
    large = case("loop", "serial", 9.0, size="large")
    nap = case("timer", "serial", 0.4, problem="timer")
    assert blocks([LOOP, large, nap, NUMPY]) == {
        ("moving_average", "small"): [LOOP, NUMPY],
        ("moving_average", "large"): [large],
        ("timer", "small"): [nap],
    }
