"""The answers of a report: none of equal arms, all of clear differences."""

import re

import numpy as np

from rayscale.measured import MeasuredCase
from rayscale.report.answers import answers
from rayscale.report.break_even import break_even, lines
from tests.report.test_report import case

CLAIMS = re.compile(
    r"is faster|is slower|overtakes|as long as|\d\) as fast as|never|Choose|\d CPUs? \("
)
RUNS = 200


def noisy(draw: np.random.Generator, factor: float) -> list[MeasuredCase]:
    """Return a run of two sizes whose Ray cases take *factor* times as long as serial, with noise.

    None of the twelve rounds depends on another; they vary by 5 %.
    """
    found = []
    for size, seconds in (("small", 0.03), ("article", 3.0)):
        for way, cpus in (("serial", 1), ("ray_whole", 1), ("ray_blocks", 1), ("ray_blocks", 2)):
            took = seconds * (1.0 if way == "serial" else factor)
            one = case("loop", way, cpus, size, took)
            one["stats"]["data"] = (took * draw.lognormal(0, 0.05, 12)).tolist()
            found.append(MeasuredCase.from_record(one))
    return found


def all_said(cases: list[MeasuredCase]) -> str:
    """Return the answers, and where each way overtakes serial."""
    own = lines(cases)
    even = [
        f"{way} {break_even(own['serial'], line).words}"
        for way, line in own.items()
        if way != "serial"
    ]
    return " ".join([*answers(cases), *even])


def test_equal_arms_answer_nothing() -> None:
    """Two ratios, a COST and two crossings: any claim at all in at most 5 % of 200 runs."""
    draw = np.random.default_rng(17)
    claimed = [bool(CLAIMS.search(all_said(noisy(draw, 1.0)))) for _ in range(RUNS)]
    assert sum(claimed) / RUNS <= 0.05


def test_clear_differences_are_answered() -> None:
    """Ray that takes half the time, or twice: gain, COST and sizes are said."""
    draw = np.random.default_rng(18)
    fast, slow = (all_said(noisy(draw, factor)) for factor in (0.5, 2.0))
    assert re.search(r"ray_blocks on 2 CPUs is \S+x \[.*?\] \(n=12\) as fast as serial", fast)
    assert "COST (CPUs to beat one thread): 1 CPU (" in fast
    assert "ray_blocks is faster than serial from small (10,000 points) on" in fast
    assert re.search(r"ray_blocks on 2 CPUs takes \S+x \[.*?\] \(n=12\) as long as serial", slow)
    assert "COST (CPUs to beat one thread): never, on up to 2 CPUs (" in slow
    assert "ray_blocks is slower than serial at article (1,000,000 points), the larg" in slow
    assert all(CLAIMS.search(text) for text in (fast, slow))


def test_failed_case_leaves_the_cost_open() -> None:
    """What failed may have been the fastest."""
    cases = noisy(np.random.default_rng(19), 2.0)
    failed = cases[-1].id
    assert "COST (CPUs to beat one thread): cannot be told (1 case failed)." in " ".join(
        answers(cases, [failed])
    )
