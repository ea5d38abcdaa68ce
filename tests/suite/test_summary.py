"""The summary, against golden files; ``--force-regen`` renews them."""

from typing import Any

import numpy as np
from pytest_regressions.file_regression import FileRegressionFixture

from rayscale.suite import summary

Records = list[dict[str, Any]]


def record(
    kernel: str,
    implementation: str,
    cpus: int,
    median: float,
    rounds: int = 7,
    problem: str = "moving_average",
    shape: tuple[int, ...] = (1000, 1000),
    *,
    oversubscribed: bool = False,
    niceness: int = 0,
    cpus_proven: bool = True,
) -> dict[str, Any]:
    """Return a saved case whose rounds lie evenly within 1 % of *median*, in no order."""
    spread = np.random.default_rng(rounds).permutation(np.linspace(0.99, 1.01, rounds))
    at = "" if implementation == "serial" else f"-cpus{cpus}"
    return {
        "fullname": f"test_mean.py::test_mean[{kernel}-{implementation}{at}-article]",
        "extra_info": {
            "problem": problem,
            "kernel": kernel,
            "implementation": implementation,
            "cpus": cpus,
            "size": "article",
            "shape": list(shape),
            "oversubscribed": oversubscribed,
            "niceness": niceness,
            "cpus_proven": cpus_proven,
        },
        "stats": {"data": list(median * spread)},
    }


def timers() -> Records:
    """Return timers as the suite runs them: three rounds, too few for an interval."""
    naps: dict[str, Any] = {"rounds": 3, "problem": "timer", "shape": (4,)}
    return [
        record("timer", "serial", 1, 4.0, **naps),
        record("timer", "ray_whole", 1, 4.01, **naps),
        record("timer", "ray_per_row", 4, 1.01, **naps),
    ]


def averages() -> Records:
    """Return the published experiment as a machine of two cores has it."""
    return [
        record("loop", "serial", 1, 2.7),
        record("loop", "ray_whole", 1, 2.71),
        record("loop", "ray_per_row", 1, 3.1),
        record("loop", "ray_per_row", 2, 2.3),
        record("loop", "ray_blocks", 1, 2.72),
        record("loop", "ray_blocks", 2, 1.4, rounds=12),
        record("numpy", "serial", 1, 0.0024, rounds=400),
        record("numpy", "ray_blocks", 1, 0.012, rounds=80),
        record("numpy", "ray_blocks", 2, 0.009, rounds=100),
        record("pandas", "serial", 1, 0.025, rounds=40),
    ]


def test_summary_reads_the_experiment(file_regression: FileRegressionFixture) -> None:
    """The published experiment gives a table, a COST line and sentences per problem and size."""
    file_regression.check(summary.render(averages() + timers(), width=100))


def test_summary_marks_what_is_unequal(file_regression: FileRegressionFixture) -> None:
    """Oversubscribed cases, counts that are not proven, and unequal niceness have a footnote."""
    unequal = [
        record("loop", "serial", 1, 2.7),
        record("loop", "ray_blocks", 2, 1.4, niceness=15),
        record("loop", "ray_blocks", 16, 1.5, niceness=15, oversubscribed=True),
        record("loop", "pool", 2, 1.6, niceness=15, cpus_proven=False),
    ]
    file_regression.check(summary.render(unequal, width=100))


def test_summary_compares_nothing_without_serial(file_regression: FileRegressionFixture) -> None:
    """Without the serial case there is a time, and a dash for what it would be compared with."""
    file_regression.check(summary.render([record("loop", "ray_blocks", 2, 1.4)], width=100))


def pair(kernel: str, implementation: str, median: float, ratio: float, n: int) -> dict[str, Any]:
    """Return a case that was *ratio* times as fast as ray_blocks, to 1 %, in *n* pairs."""
    made = record(kernel, implementation, 2, median, rounds=n)
    ends = {"low": 0.99 * ratio, "high": 1.01 * ratio} if n >= 6 else {"low": None, "high": None}
    made["extra_info"]["beside"] = {
        "implementation": "ray_blocks",
        "median": ratio * median,
        "ratio": ratio,
        "n": n,
        **ends,
    }
    return made


def test_summary_shows_ways_in_pairs(file_regression: FileRegressionFixture) -> None:
    """They have a table and a sentence of their own, and stand with their kernel in the other."""
    peers = [
        pair("loop", "ray_actors", 1.4, 1.0, n=7),
        pair("loop", "process_pool", 1.3, 1.08, n=7),
        pair("loop", "thread_pool", 2.8, 0.5, n=7),
        pair("numpy", "joblib", 0.004, 2.25, n=3),
    ]
    file_regression.check(summary.render(averages() + peers, width=100))


def test_summary_sorts_counts_as_numbers() -> None:
    """The column of 16 CPUs stands to the right of that of 2."""
    cases = [record("loop", "ray_blocks", cpus, 1.0) for cpus in (16, 2, 4)]

    text = summary.render(cases, width=120)

    assert text.index(" 2 CPUs") < text.index(" 4 CPUs") < text.index(" 16 CPUs")


def test_summary_names_the_fewest_cpus_that_beat_a_single_thread() -> None:
    """COST names the smallest count that beats the fastest kernel, not the fastest case."""
    cases = [
        record("loop", "serial", 1, 4.0),
        record("loop", "ray_blocks", 2, 2.1),
        record("loop", "ray_blocks", 4, 1.1),
    ]

    assert "COST: 2 CPUs" in summary.render(cases, width=100)


def test_summary_without_shape_names_the_size() -> None:
    """A list of anything has a size with a name, and may have no shape."""
    cases = [record("loop", "serial", 1, 4.0, shape=()), record("loop", "pool", 2, 2.1, shape=(7,))]

    assert "moving_average article\n" in summary.render(cases[:1], width=100)
    assert "moving_average article (7)\n" in summary.render(cases[1:], width=100)


def test_summary_names_what_failed_and_claims_nothing() -> None:
    """A failed case may have been the fastest: it is named, and COST cannot be told."""
    cases = [record("loop", "serial", 1, 4.0), record("loop", "ray_whole", 1, 4.4)]
    failed = "test_mean.py::test_mean[loop-ray_blocks-cpus2-article]"

    text = " ".join(summary.render(cases, width=100, failed=[failed]).split())

    assert "COST: never" in summary.render(cases, width=100)
    assert "COST: cannot be told (1 case failed)" in text
    assert f"failed: 1 case, not in this table: {failed}" in text


def test_summary_marks_correlated_rounds() -> None:
    """Rounds that drift say less than their number: the case is marked, its interval wider."""
    drifting = record("loop", "serial", 1, 4.0, rounds=40)
    drifting["stats"]["data"].sort()

    text = summary.render([drifting], width=100)

    assert "4.00 s! (n=40)" in text
    assert "! rounds that follow one another are correlated (up to 0.9)" in text
    assert "correlated" not in summary.render([record("loop", "serial", 1, 4.0, 40)], width=100)
