"""Two sets of launches, compared: verdicts, refusals, and what is said."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_regressions.file_regression import FileRegressionFixture

from rayscale.saved.comparison import Comparison, Terms, compare, conditions
from rayscale.saved.comparison_table import render
from rayscale.saved.launches import Case, Launch, read

TERMS = Terms(tolerance=0.05, false_alarm=0.01, miss=0.01)
CASES = {"loop-serial-small": 0.03, "loop-ray_blocks-cpus2-small": 0.02, "numpy-serial-small": 4e-5}
SaveSeries = Callable[..., list[Path]]


@pytest.fixture
def launched(save_series: SaveSeries) -> Callable[..., list[Launch]]:
    """Return a function that returns a series of launches, some cases *times* as long."""

    def several(times: dict[str, float] | None = None, **changes: Any) -> list[Launch]:
        medians = {case: CASES[case] * (times or {}).get(case, 1.0) for case in CASES}
        return [read(file) for file in save_series(medians, **changes)]

    return several


def verdicts(compared: Comparison) -> dict[str, str]:
    """Return the verdicts by the cases' last words."""
    return {case.id.split("[")[1].rstrip("]"): case.verdict for case in compared.cases}


@pytest.mark.parametrize("paired", [True, False])
def test_slower_and_faster_cases_are_told(
    launched: Callable[..., list[Launch]], paired: bool
) -> None:
    """+10 % is slower, -10 % is faster, and what did not change is the same."""
    changed = {"loop-serial-small": 1.1, "numpy-serial-small": 0.9}
    compared = compare(launched(seed=1), launched(changed, seed=2), TERMS, paired=paired)

    assert verdicts(compared) == {
        "loop-serial-small": "slower",
        "loop-ray_blocks-cpus2-small": "same",
        "numpy-serial-small": "faster",
    }
    slow = compared.cases[0]
    assert slow.ratio == pytest.approx(1.1, rel=0.02)
    assert slow.interval is not None
    assert slow.interval.low < 1.1 < slow.interval.high
    assert slow.p is not None
    assert slow.p <= 0.01


def test_slowdown_inside_half_the_tolerance_is_not_slower(
    launched: Callable[..., list[Launch]],
) -> None:
    """+2 % is certain at this spread, and still no 'slower' at a tolerance of 5 %."""
    old, new = launched(seed=1, spread=0.001), launched({"loop-serial-small": 1.02}, seed=2)
    assert verdicts(compare(old, new, TERMS, paired=True))["loop-serial-small"] == "same"


def test_control_takes_out_what_the_machine_did(launched: Callable[..., list[Launch]]) -> None:
    """A machine 3 % slower that day makes no case slower."""
    everything = dict.fromkeys(CASES, 1.03)
    own = {"format": 1, "kind": "launch", "control": [0.00206]}
    compared = compare(launched(seed=1), launched(everything, seed=2, rayscale=own), TERMS)

    assert compared.control == pytest.approx(1.03)
    assert set(verdicts(compared).values()) == {"same"}
    assert [case.ratio for case in compared.cases] == pytest.approx([1.0] * 3, rel=0.02)


def test_control_that_moved_too_far_leaves_all_unsure(
    launched: Callable[..., list[Launch]],
) -> None:
    """When the control itself is beyond the tolerance, it was the machine, and nothing is told."""
    own = {"format": 1, "kind": "launch", "control": [0.003]}
    slow = dict.fromkeys(CASES, 1.5)
    compared = compare(launched(seed=1), launched(slow, seed=2, rayscale=own), TERMS)

    assert set(verdicts(compared).values()) == {"unsure"}
    assert "the machine changed, not the code" in compared.cases[0].why


@pytest.mark.parametrize(
    ("launches", "why"),
    [(1, "one launch has no spread"), (4, "can be told from chance at 1.4% at best")],
)
def test_too_few_launches_are_unsure_and_say_so(
    launched: Callable[..., list[Launch]], launches: int, why: str
) -> None:
    """4 against 4 launches have 70 permutations: no p is below 1.4 %."""
    old, new = launched(launches=launches), launched(dict.fromkeys(CASES, 2.0), launches=launches)
    compared = compare(old, new, TERMS)
    assert set(verdicts(compared).values()) == {"unsure"}
    assert why in compared.cases[0].why


def test_other_machine_is_refused(launched: Callable[..., list[Launch]]) -> None:
    """Times of two machines are not compared; the differing fields and the way out are named."""
    old, new = launched(), launched(folder="there-8cpu-8gib")
    with pytest.raises(ValueError, match=r"cpu here-2cpu-8gib -> there-8cpu-8gib.*--across-mach"):
        conditions(old, new, across_machines=False)
    assert any("hardware differs" in line for line in conditions(old, new, across_machines=True))


def test_speed_ups_are_compared_across_machines(launched: Callable[..., list[Launch]]) -> None:
    """A machine twice as fast, on which Ray gains less: slower, relative to serial."""
    twice = dict.fromkeys(CASES, 0.5) | {"loop-ray_blocks-cpus2-small": 0.6}
    old, new = launched(seed=1), launched(twice, seed=2, folder="there")
    compared = compare(old, new, TERMS, across_machines=True)

    assert verdicts(compared) == {"loop-ray_blocks-cpus2-small": "slower"}
    assert compared.cases[0].ratio == pytest.approx(1.2, rel=0.02)


def test_cases_of_one_side_are_told(
    launched: Callable[..., list[Launch]], save_series: SaveSeries
) -> None:
    """What NEW lacks, if only in one launch, is missing; what OLD lacks is new."""
    fewer = [read(file) for file in save_series({"loop-serial-small": 0.03, "sum-serial-small": 1})]
    compared = compare(launched(), fewer, TERMS)
    assert len(compared.missing) == 2
    assert [name.split("[")[1] for name in compared.added] == ["sum-serial-small]"]

    partial = [*launched(seed=3)[:9], fewer[0]]
    assert len(compare(launched(), partial, TERMS).missing) == 2


def test_no_common_case_is_refused(
    launched: Callable[..., list[Launch]], save_series: SaveSeries
) -> None:
    """Without any common case there is nothing to compare."""
    others = [read(file) for file in save_series({"sum-serial-small": 1.0})]
    with pytest.raises(ValueError, match="no case is in all launches of both"):
        compare(launched(), others, TERMS)


def test_power_that_is_printed_is_the_rate_of_finding() -> None:
    """At a launch spread of 4 % the printed power is how often +10 % is found."""
    draw = np.random.default_rng(5)
    printed, found = [], 0
    for _ in range(300):
        sides = [
            [
                made(np.exp(draw.normal(0, 0.04, 4)) * (np.array([slower, 1, 1, 1]) * 0.01))
                for _ in range(10)
            ]
            for slower in (1.0, 1.1)
        ]
        compared = compare(sides[0], sides[1], TERMS)
        found += compared.cases[0].verdict == "slower"
        printed.append(compared.cases[0].power or 0.0)
    assert 0.2 < np.mean(printed) < 0.9  # else the test would say nothing
    # 300 comparisons: one standard error is 0.03; the power is printed from an estimated spread.
    assert found / 300 == pytest.approx(np.mean(printed), abs=0.09)


def made(seconds: Any) -> Launch:
    """Return a launch with the medians *seconds*, without any file, with a control of 1 s."""
    cases = tuple(
        Case(str(number), float(one), 7, control=1.0) for number, one in enumerate(seconds)
    )
    return Launch("file", "run", datetime.now(UTC), "-", {}, {}, cases, control=1.0)


@pytest.fixture
def compared(launched: Callable[..., list[Launch]]) -> Comparison:
    """Return a comparison with a slower, a faster and an unchanged case."""
    changed = {"numpy-serial-small": 1.2, "loop-serial-small": 0.9}
    return compare(launched(seed=1), launched(changed, seed=2), TERMS)


@pytest.mark.parametrize(("style", "extension"), [("text", ".txt"), ("markdown", ".md")])
def test_table_is_as_it_was(
    compared: Comparison, style: Any, extension: str, file_regression: FileRegressionFixture
) -> None:
    """Worst first, the geometric mean last, then the promise; renewed by --force-regen."""
    shown = render(compared, ["old: a", "new: b"], style, 130)
    file_regression.check(shown, extension=extension)


def test_json_has_every_figure(compared: Comparison) -> None:
    """What the table shows is there for programs, and nothing that JSON does not know."""
    shown = json.loads(render(compared, ["old: a"], "json", 130))
    assert [case["verdict"] for case in shown["cases"]] == ["faster", "same", "slower"]
    assert shown["cases"][2]["ratio"] == pytest.approx(compared.cases[2].ratio)
    assert shown["geometric_mean"] == pytest.approx(compared.geometric_mean)
    assert shown["launches"] == [10, 10]
