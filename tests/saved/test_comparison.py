"""Two sets of launches, compared: verdicts, refusals, and what is said."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_regressions.file_regression import FileRegressionFixture

from rayscale.saved.comparison import Comparison, compare
from rayscale.saved.comparison_table import render, sentences
from rayscale.saved.doubts import conditions
from rayscale.saved.evidence import Limits
from rayscale.saved.launches import CaseMedian, Launch, read
from rayscale.saved.yardstick import Design

LIMITS = Limits(tolerance=0.05, false_alarm=0.01, miss=0.01)
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


@pytest.mark.parametrize("design", ["alternating", "stored"])
def test_slower_and_faster_cases_are_found(
    launched: Callable[..., list[Launch]], design: Design
) -> None:
    """+10 % is slower, -10 % is faster, and what did not change is the same."""
    changed = {"loop-serial-small": 1.1, "numpy-serial-small": 0.9}
    compared = compare(launched(seed=1), launched(changed, seed=2), LIMITS, design)

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
    assert verdicts(compare(old, new, LIMITS, "alternating"))["loop-serial-small"] == "same"


def test_control_takes_out_what_the_machine_did(launched: Callable[..., list[Launch]]) -> None:
    """A machine 3 % slower that day makes no case slower."""
    everything = dict.fromkeys(CASES, 1.03)
    new = launched(everything, seed=2, rayscale=own(0.00206))
    compared = compare(launched(seed=1), new, LIMITS)

    assert compared.control == pytest.approx(1.03)
    assert set(verdicts(compared).values()) == {"same"}
    assert [case.ratio for case in compared.cases] == pytest.approx([1.0] * 3, rel=0.02)


def test_control_that_moved_too_far_leaves_all_unsure(
    launched: Callable[..., list[Launch]],
) -> None:
    """When the control itself moved by more than the tolerance, nothing is said of any case."""
    slow = dict.fromkeys(CASES, 1.5)
    compared = compare(launched(seed=1), launched(slow, seed=2, rayscale=own(0.003)), LIMITS)

    assert set(verdicts(compared).values()) == {"unsure"}
    assert "the machine was not as fast as before" in compared.doubts[0]


def own(control: float) -> dict[str, Any]:
    """Return what rayscale adds to a launch whose control took so many seconds."""
    return {"format": 1, "kind": "launch", "control": [control]}


def with_numpy(version: str) -> dict[str, Any]:
    """Return the machine of a launch with that NumPy."""
    software = {"python": "3.11.7", "numpy": version}
    return {"hardware": {"cpu": "here-2cpu-8gib", "cpus": 2}, "software": software}


def test_control_of_another_numpy_divides_nothing(launched: Callable[..., list[Launch]]) -> None:
    """NumPy that changed may have changed the control: times are compared as they are."""
    new = launched(seed=2, machine_info=with_numpy("2.5.0"), rayscale=own(0.00204))
    compared = compare(launched(seed=1), new, LIMITS)

    assert compared.yardstick == "nothing"
    assert set(verdicts(compared).values()) == {"same"}
    (note,) = compared.notes
    assert "not divided by the control: it is NumPy's work, and numpy (2.4.6 -> 2.5.0)" in note


def test_control_of_another_numpy_that_moved_leaves_the_cause_open(
    launched: Callable[..., list[Launch]],
) -> None:
    """Whether the machine or NumPy changed cannot be told, and this is what is said."""
    new = launched(seed=2, machine_info=with_numpy("2.5.0"), rayscale=own(0.004))
    compared = compare(launched(seed=1), new, LIMITS)

    assert set(verdicts(compared).values()) == {"unsure"}
    assert "whether the machine or NumPy changed cannot be told" in compared.doubts[0]
    assert "machine was not as fast" not in compared.doubts[0]


@pytest.mark.parametrize(
    ("design", "launches", "why"),
    [
        ("stored", 1, "one launch shows no spread"),
        ("stored", 4, "reach p = 1.43 % at best, and 1 % is asked for; make 5 launches of each"),
        ("alternating", 6, "reach p = 1.56 % at best, and 1 % is asked for; make 7 launches"),
    ],
)
def test_too_few_launches_are_unsure_and_say_how_many_are_enough(
    launched: Callable[..., list[Launch]], design: Design, launches: int, why: str
) -> None:
    """4 against 4 launches have 70 permutations, 6 pairs 64: no p is small enough."""
    old, new = launched(launches=launches), launched(dict.fromkeys(CASES, 2.0), launches=launches)
    compared = compare(old, new, LIMITS, design)
    assert set(verdicts(compared).values()) == {"unsure"}
    assert why in compared.doubts[0]


def test_fewer_launches_that_spread_more_are_named(
    launched: Callable[..., list[Launch]],
) -> None:
    """5 launches that spread further than 10 can bring more false alarms; 10 of each do not."""
    old = launched(seed=1, spread=0.01)
    fewer = compare(old, launched(seed=2, spread=0.05, launches=5), LIMITS)
    (note,) = fewer.notes
    assert "the set with fewer launches spreads" in note
    assert note.endswith("make 10 launches of each")
    assert compare(old, launched(seed=2, spread=0.05), LIMITS).notes == ()
    assert compare(old, launched(seed=2, spread=0.01, launches=5), LIMITS).notes == ()


def test_nothing_is_promised_where_nothing_can_be_found(
    launched: Callable[..., list[Launch]],
) -> None:
    """3 against 3 launches show neither a probability of finding nor an error rate."""
    compared = compare(launched(seed=1, launches=3), launched(seed=2, launches=3), LIMITS)
    shown = " ".join(sentences(compared))
    assert {case.power for case in compared.cases} == {None}
    assert "probability" not in shown
    assert "chance" not in shown


def test_identical_launches_find_a_slowdown_for_certain() -> None:
    """Ten launches of 0.01 s each have no spread: +10 % is found with probability 1."""
    sides = [[made([0.01, 0.02]) for _ in range(10)] for _ in range(2)]
    compared = compare(sides[0], sides[1], LIMITS)
    assert [case.power for case in compared.cases] == pytest.approx([1.0, 1.0])
    assert {case.verdict for case in compared.cases} == {"same"}


@pytest.mark.usefixtures("fewer_permutations")
@pytest.mark.parametrize(("old", "new", "most"), [(10, 10, 10), (10, 5, 16)])
def test_sets_that_spread_differently_alarm_rarely(old: int, new: int, most: int) -> None:
    """New launches spread three times as far, 24 cases at the edge: few false alarms all the same.

    Pooled permutations alone gave 4.6 % (10 + 10 launches) and 20 % (10 + 5).
    """
    draw = np.random.default_rng(17)
    alarms = 0
    for _ in range(200):
        sides = [
            [made(0.01 * edge * np.exp(draw.normal(0, spread, 24))) for _ in range(launches)]
            for launches, spread, edge in ((old, 0.01, 1.0), (new, 0.03, 1.025))
        ]
        compared = compare(sides[0], sides[1], LIMITS)
        alarms += any(case.verdict == "slower" for case in compared.cases)
    # 200 comparisons: at 2 and 4 %, more come with probability 0.003.
    assert alarms <= most, alarms


def test_other_machine_is_refused(launched: Callable[..., list[Launch]]) -> None:
    """Times of two machines are not compared; the differing fields and the way out are named."""
    old, new = launched(), launched(folder="there-8cpu-8gib")
    with pytest.raises(ValueError, match=r"cpu here-2cpu-8gib -> there-8cpu-8gib.*--across-mach"):
        conditions(old, new, "stored")
    assert any("hardware differs" in line for line in conditions(old, new, "across machines"))


def test_speed_ups_are_compared_across_machines(launched: Callable[..., list[Launch]]) -> None:
    """A machine twice as fast, on which Ray gains less: slower, relative to serial."""
    twice = dict.fromkeys(CASES, 0.5) | {"loop-ray_blocks-cpus2-small": 0.6}
    old, new = launched(seed=1), launched(twice, seed=2, folder="there")
    compared = compare(old, new, LIMITS, "across machines")

    assert verdicts(compared) == {"loop-ray_blocks-cpus2-small": "slower"}
    assert compared.cases[0].ratio == pytest.approx(1.2, rel=0.02)


def test_cases_of_one_side_are_named(
    launched: Callable[..., list[Launch]], save_series: SaveSeries
) -> None:
    """What NEW lacks, if only in one launch, is missing; what OLD lacks is new."""
    fewer = [read(file) for file in save_series({"loop-serial-small": 0.03, "sum-serial-small": 1})]
    compared = compare(launched(), fewer, LIMITS)
    assert len(compared.missing) == 2
    assert [name.split("[")[1] for name in compared.added] == ["sum-serial-small]"]
    shown = " ".join(sentences(compared))
    assert (
        f"Missing in NEW or in one of the launches, so not compared: {compared.missing[0]}" in shown
    )
    assert f"New, so there is nothing to compare with: {compared.added[0]}." in shown

    partial = [*launched(seed=3)[:9], fewer[0]]
    assert len(compare(launched(), partial, LIMITS).missing) == 2


def test_no_common_case_is_refused(
    launched: Callable[..., list[Launch]], save_series: SaveSeries
) -> None:
    """Without any common case there is nothing to compare."""
    others = [read(file) for file in save_series({"sum-serial-small": 1.0})]
    with pytest.raises(ValueError, match="no case is in all launches of both"):
        compare(launched(), others, LIMITS)


@pytest.mark.usefixtures("fewer_permutations")
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
        compared = compare(sides[0], sides[1], LIMITS)
        found += compared.cases[0].verdict == "slower"
        printed.append(compared.cases[0].power or 0.0)
    assert 0.2 < np.mean(printed) < 0.9  # else the test would say nothing
    # 300 comparisons: one standard error is 0.03; the power is printed from an estimated spread.
    assert found / 300 == pytest.approx(np.mean(printed), abs=0.09)


def made(seconds: Any) -> Launch:
    """Return a launch with the medians *seconds*, without any file, with a control of 1 s."""
    cases = tuple(
        CaseMedian(str(number), float(one), 7, control=1.0) for number, one in enumerate(seconds)
    )
    return Launch("file", "run", datetime.now(UTC), "-", {}, {}, cases, control=1.0)


@pytest.fixture
def compared(launched: Callable[..., list[Launch]]) -> Comparison:
    """Return a comparison with a slower, a faster and an unchanged case."""
    changed = {"numpy-serial-small": 1.2, "loop-serial-small": 0.9}
    return compare(launched(seed=1), launched(changed, seed=2), LIMITS)


@pytest.mark.parametrize(("style", "extension"), [("text", ".txt"), ("markdown", ".md")])
def test_table_is_as_it_was(
    compared: Comparison, style: Any, extension: str, file_regression: FileRegressionFixture
) -> None:
    """Worst first, the geometric mean last, then the promise; renewed by --force-regen."""
    shown = render(compared, ["old: a", "new: b"], style, 130)
    file_regression.check(shown, extension=extension)


def test_headings_stand_over_their_columns(compared: Comparison) -> None:
    """Each figure is under its heading, and the table says that ratios are divided."""
    lines = render(compared, [], "markdown", 130).splitlines()
    heading = next(line for line in lines if line.startswith("| case"))
    cells = [cell.strip() for cell in heading.strip("|").split("|")]
    row = next(line for line in lines if "numpy" in line)
    shown = dict(zip(cells, [cell.strip() for cell in row.strip("|").split("|")], strict=True))

    assert shown["old"].startswith("40.1 us")
    assert shown["new"].startswith("48.2 us")
    assert shown["by control [99 %]"].startswith("1.200 [")
    assert shown["n"] == "10+10"
    assert shown["verdict"] == "slower"
    assert lines[0].startswith("Times are as measured. 'by control' is new / old of times divided")


def test_spread_is_that_of_the_launches() -> None:
    """Medians of 1 s and 1.1 s, five each: one standard deviation is 5 %."""
    old = [made([seconds]) for seconds in 5 * [1.0, 1.1]]
    compared = compare(old, old, LIMITS)
    # ln 1.1 = 0.0953; half of it, times sqrt(10 / 9) for the sample: 0.0502
    assert compared.cases[0].spreads == pytest.approx((0.0502, 0.0502), abs=1e-4)


def test_json_has_every_figure(compared: Comparison) -> None:
    """What the table shows is there for programs, and nothing that JSON does not know."""
    shown = json.loads(render(compared, ["old: a"], "json", 130))
    assert [case["verdict"] for case in shown["cases"]] == ["faster", "same", "slower"]
    assert shown["cases"][2]["ratio"] == pytest.approx(compared.cases[2].ratio)
    assert shown["geometric_mean"] == pytest.approx(compared.geometric_mean)
    assert shown["launches"] == [10, 10]
